/**
 * Backup, unchanged backup, later days and restores against the peers on PATH: the same data in one
 * run, rounds interleaved and their order rotated, medians, CPU seconds and peak memory beside wall
 * seconds. `npm run bench -- --help`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import type { DataSet } from "./data/state.ts";
import { prepare, RECIPES, type Recipe, ROWS, type Row, warm } from "./data.ts";
import { describeMachine, type Machine, versionOf } from "./machine.ts";
import type { Peer } from "./peers/peer.ts";
import { PEERS } from "./peers/table.ts";
import { canMount, cleanUpOnSignals, restoreTarget } from "./place.ts";
import { type Column, markdown, medians, verdicts } from "./report.ts";
import { round } from "./round.ts";

interface Options {
  readonly data: string;
  readonly work: string;
  readonly out?: string;
  readonly scale: number;
  readonly seed: string;
  readonly rounds: number;
  readonly quick?: true;
  readonly cold?: true;
  readonly only?: string[];
  readonly sets?: string[];
  readonly rows?: string[];
}

const QUICK_SCALE = 0.4;
const note = (text: string): boolean => process.stderr.write(`${text}\n`);
const listed = (text: string): string[] => text.split(",").map((word) => word.trim());

function options(): Options {
  const parsed = new Command("bench")
    .description("times holdall and the backup programs on PATH on the same data")
    .requiredOption("--data <folder>", "where the data sets are built once and kept")
    .option(
      "--work <folder>",
      "where repositories and restores go",
      join(tmpdir(), "holdall-bench"),
    )
    .option("--out <folder>", "write report.md and report.json there")
    .option("--scale <share>", "size of the data sets", Number, 1)
    .option("--seed <word>", "what the data sets are drawn from", "1")
    .option("--rounds <n>", "rounds of every tool", Number, 3)
    .option("--quick", `scale ${QUICK_SCALE}, one setting of each program`)
    .option("--cold", "drop the page cache before every step (root)")
    .option("--only <names>", "programs whose name begins so, such as holdall,bupstash", listed)
    .option("--sets <names>", `data sets of ${RECIPES.map((r) => r.name).join(",")}`, listed)
    .option("--rows <names>", `rows of ${ROWS.join(",")} (backup is always run)`, listed)
    .parse()
    .opts<Options>();
  const given = parsed.quick ? { ...parsed, scale: parsed.scale * QUICK_SCALE } : parsed;
  known(
    "data set",
    given.sets,
    RECIPES.map((r) => r.name),
  );
  known("row", given.rows, ROWS);
  return { ...given, data: resolve(given.data), work: resolve(given.work) };
}

function known(kind: string, asked: readonly string[] | undefined, all: readonly string[]): void {
  const strange = asked?.find((name) => !all.includes(name));
  if (strange !== undefined) throw new Error(`no ${kind} ${strange}: ${all.join(", ")}`);
}

/** The programs to run; those that are absent are named with what installs them. */
function present({ only, quick }: Options): Peer[] {
  const asked = PEERS.filter((peer) => {
    if (only !== undefined) return only.some((name) => peer.name.startsWith(name));
    return !(quick && peer.variant && peer.only === undefined);
  });
  return asked.filter((peer) => {
    const found = versionOf(peer) !== undefined;
    if (!found) note(`${peer.name} is not on PATH: ${peer.install}`);
    return found;
  });
}

/** All rounds of one data set. A tool that failed is named and left out of the next rounds. */
async function run(recipe: Recipe, set: DataSet, peers: readonly Peer[], given: Options) {
  const columns = new Map<Peer, Column>();
  for (const peer of peers) {
    if (peer.only && !peer.only.includes(recipe.name)) continue;
    columns.set(peer, { name: peer.name, rounds: [] });
  }
  const order = [...columns];
  const rows = recipe.rows.filter((row) => given.rows?.includes(row) ?? true);
  for (let i = 0; i < given.rounds; i++) {
    // Whoever comes after a large removal pays for it: not always the same one.
    const turn = (i * Math.ceil(order.length / given.rounds)) % Math.max(1, order.length);
    for (const [peer, column] of [...order.slice(turn), ...order.slice(0, turn)]) {
      if (column.failure !== undefined) continue;
      try {
        const terms = { work: given.work, rows, cold: given.cold ?? false, compare: i === 0 };
        const done = await round(peer, set, terms);
        column.rounds.push(done);
        note(`${recipe.name} ${i + 1}/${given.rounds} ${peer.name}: ${spent(done.figures)}`);
      } catch (error) {
        column.failure = error instanceof Error ? error.message : String(error);
        note(`${recipe.name} ${i + 1}/${given.rounds} ${peer.name} failed: ${column.failure}`);
      }
    }
  }
  return order.map(([, column]) => column);
}

const spent = (figures: Partial<Record<Row, { wall: number }>>): string =>
  Object.entries(figures)
    .map(([row, { wall }]) => `${row} ${wall.toFixed(2)}`)
    .join(", ");

function preface(machine: Machine, given: Options): string {
  const { cpu, cores, memoryMiB, kernel, fileSystem, node, features } = machine;
  const versions = Object.entries(machine.versions).map(([name, said]) => `${name}: ${said}`);
  const target = restoreTarget();
  return [
    `${cpu}, ${cores} cores (${features.join(" ")}), ${memoryMiB} MiB, Linux ${kernel}, `,
    `repositories on ${fileSystem}, Node ${node}.\n\n${versions.join("; ")}.\n\n`,
    `Medians of ${given.rounds}, scale ${given.scale}, seed ${given.seed}, `,
    `${given.cold ? "cold" : "warm"}; wall s (CPU s, peak MiB of the largest process). `,
    `Restores go to ${target} and were compared with the source. `,
    "Key derivation is part of every peer's run but bupstash's and holdall's, which have key ",
    "files: `list snapshots` of the tiny folder shows what it costs each.\n\n",
  ].join("");
}

async function main(): Promise<void> {
  cleanUpOnSignals();
  const given = options();
  mkdirSync(given.work, { recursive: true });
  const peers = present(given);
  if (!canMount()) note("not root: restores go to a plain folder instead of a fresh ext4 image");
  const machine = describeMachine(peers, given.work);
  const recipes = RECIPES.filter((recipe) => given.sets?.includes(recipe.name) ?? true);
  let report = preface(machine, given);
  process.stdout.write(report);
  const sets: object[] = [];
  for (const recipe of recipes) {
    note(`${recipe.name}: preparing`);
    const set = prepare(recipe, given.data, given.scale, given.seed);
    set.go(1);
    warm(set.live);
    const columns = await run(recipe, set, peers, given);
    set.go(1);
    const section = markdown(recipe, set, columns);
    report += section;
    process.stdout.write(section);
    const { name, about } = recipe;
    const { files, bytes, days, dirty } = set;
    const judged = verdicts(recipe, set, columns);
    const tools = columns.map((c) => ({
      ...c,
      medians: c.rounds.length ? medians(c.rounds) : null,
    }));
    sets.push({ name, about, files, bytes, days, dirty, tools, verdicts: judged });
    if (given.out === undefined) continue;
    // After every set, so that a run that is ended early has what it measured.
    mkdirSync(given.out, { recursive: true });
    writeFileSync(join(given.out, "report.md"), report);
    const { rounds, scale, seed, cold = false } = given;
    const all = { machine, rounds, scale, seed, cold, sets };
    writeFileSync(join(given.out, "report.json"), JSON.stringify(all, null, 2));
  }
}

await main().catch((error: unknown) => {
  note(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
