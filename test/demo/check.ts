/** Asks every service of a running instance, and judges the answers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mapBounded } from "../../src/base/map_bounded.ts";
import { type Chain, readJournal } from "./chain.ts";
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
export async function askAll(place: Place, chain: Chain): Promise<Answers> {
  const units = [...new Set(chain.units)];
  const answers = await mapBounded(units, 4, (unit) => ask(place, unit, chain));
  return new Map(units.map((unit, at) => [unit, answers[at] ?? new Error("was not asked")]));
}

export const REGISTERS = new Set(UNITS.filter((unit) => unit.register).map(({ id }) => id));

/** Judges the running instance at `root` by a journal and the moments of the cut it came from. */
export async function checkDemo(root: string, journal: string, moments: Moments): Promise<Report> {
  const place = placeAt(root);
  const lines = readJournal(journal);
  const chains = lines.flatMap(([first]) => (first === undefined ? [] : [first.chain]));
  const answers = await mapBounded(chains, 3, (chain) => askAll(place, chain));
  const byChain = new Map(chains.map(({ name }, at) => [name, answers[at] ?? new Map()]));
  return judge(lines, byChain, REGISTERS, moments);
}
