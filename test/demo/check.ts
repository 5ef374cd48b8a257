/** Asks every service of a running instance; judges the answers, or digests them. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mapBounded } from "../../src/base/map_bounded.ts";
import { type Chain, type Recorded, readJournal } from "./chain.ts";
import { type Answers, judge, type Moments, type Report } from "./oracle.ts";
import type { Place } from "./place.ts";
import type { Answer } from "./unit.ts";
import { portOf, UNITS } from "./units.ts";

/** What an instance was made from, as it says itself. */
export const placeAt = (root: string): Place =>
  JSON.parse(readFileSync(join(root, "cfg", "demo.json"), "utf8")) as Place;

/** What one service says of a chain. A service that refuses is an answer, too. */
async function ask(place: Place, unit: string, chain: Chain): Promise<Answer | Error> {
  try {
    await using port = await portOf(place, unit, chain.context);
    return await port.read(chain);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** What every unit of a chain answers. */
async function askAll(place: Place, chain: Chain): Promise<Answers> {
  const units = [...new Set(chain.units)];
  const answers = await mapBounded(units, 4, (unit) => ask(place, unit, chain));
  return new Map(units.map((unit, at) => [unit, answers[at] ?? new Error("was not asked")]));
}

export const REGISTERS = new Set(UNITS.filter((unit) => unit.register).map(({ id }) => id));

/** What every chain of a journal finds at the instance, by name. */
async function askFor(root: string, chains: readonly Chain[]): Promise<Map<string, Answers>> {
  const place = placeAt(root);
  const answers = await mapBounded(chains, 3, (chain) => askAll(place, chain));
  return new Map(chains.map(({ name }, at) => [name, answers[at] ?? new Map()]));
}

const chainsOf = (lines: readonly (readonly Recorded[])[]): Chain[] =>
  lines.flatMap(([first]) => (first === undefined ? [] : [first.chain]));

/**
 * A digest of each unit by what its service answers of the chains in a journal: equal where the
 * same operations are there, whatever the files look like. A service that refuses rejects.
 */
export async function digests(root: string, journal: string): Promise<Record<string, string>> {
  const asked = await askFor(root, chainsOf(readJournal(journal)));
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  for (const [chain, answers] of asked) {
    for (const [unit, answer] of answers) {
      if (answer instanceof Error) throw answer;
      const hash = hashes.get(unit) ?? createHash("sha256");
      hashes.set(unit, hash.update(JSON.stringify([chain, answer.values, answer.torn])));
    }
  }
  return Object.fromEntries([...hashes].sort().map(([unit, hash]) => [unit, hash.digest("hex")]));
}

/**
 * Judges the running instance at `root` by a journal and the moments of the cut it came from;
 * `apart`: its units are of moments of their own, and no order from one to the other is promised.
 */
export async function checkDemo(
  root: string,
  journal: string,
  moments: Moments,
  apart = false,
): Promise<Report> {
  const all = readJournal(journal);
  const alone = (op: Recorded) => ({ ...op, chain: { ...op.chain, inside: false } });
  const lines = apart ? all.map((line) => line.map(alone)) : all;
  return judge(lines, await askFor(root, chainsOf(lines)), REGISTERS, moments);
}
