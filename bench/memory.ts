/**
 * Peak memory against the size of the source: it must stay under its ceiling whatever the source,
 * and follow `--memory`. `node .build/bench/memory.js --help`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { noise, words } from "./data/seeded.ts";
import { type Drawing, dataSet } from "./data/state.ts";
import { type Figure, measure } from "./measure.ts";
import { repositoryOf } from "./peers/peer.ts";
import { cleanUpOnSignals, freshFileSystem, temporaryFolder } from "./place.ts";

const MIB = 1 << 20;
const CEILING_MIB = { backup: 128, restore: 256 };
/** MiB given to `--memory` and `--pack-size`; undefined is the default. */
const SETTINGS: readonly Setting[] = [{}, { memory: 76 }, { memory: 256 }, { packSize: 128 }];

interface Setting {
  readonly memory?: number;
  readonly packSize?: number;
}

const main = resolve(import.meta.dirname, "../bin/holdall.js");
const holdall = (...of: string[]): string[] => [process.execPath, main, ...of];

interface Source {
  readonly name: string;
  readonly draw: (seed: string) => Drawing;
}

/** Half noise, half text, in files of 64 MiB, without a hole. */
const large = (mib: number): Source => ({
  name: `large-${mib}MiB`,
  draw: (seed) => ({
    days: [new Map(Array.from({ length: Math.ceil(mib / 64) }, (_, i) => [`${i}.bin`, String(i)]))],
    lay: (value, target) => {
      const [next, word] = [noise(`${seed} ${value}`), words(`${seed} ${value}`)];
      for (let left = Math.min(64, mib - Number(value) * 64); left > 0; left -= 2) {
        const text = Array.from({ length: 220_000 }, word).join(" ").slice(0, MIB).padEnd(MIB, ".");
        writeFileSync(target, Buffer.concat([next(MIB), Buffer.from(text)]), { flag: "a" });
      }
    },
  }),
});

/** A thousand tiny files in every folder, no two alike. */
const many = (files: number): Source => ({
  name: `files-${files}`,
  draw: (seed) => ({
    days: [
      new Map(
        Array.from({ length: files }, (_, i) => [`${Math.floor(i / 1000)}/${i}.txt`, String(i)]),
      ),
    ],
    lay: (value, target) => {
      const word = words(`${seed} ${value}`);
      writeFileSync(target, `${value} ${Array.from({ length: 30 }, word).join(" ")}\n`);
    },
  }),
});

function sources(scale: number): Source[] {
  return [
    ...[256, 1024, 4096].map((mib) => large(2 * Math.ceil((mib * scale) / 2))),
    ...[10_000, 100_000, 1_000_000].map((files) => many(Math.ceil(files * scale))),
  ];
}

interface Peaks {
  readonly backup: Figure;
  readonly unchanged: Figure;
  readonly restore: Figure;
}

type Set = ReturnType<typeof dataSet>;

async function peaks(set: Set, { memory, packSize }: Setting, work: string): Promise<Peaks> {
  using folder = temporaryFolder(work);
  const home = folder.path;
  const keyFile = join(home, "key");
  writeFileSync(keyFile, noise(home)(32).toString("hex"), { mode: 0o600 });
  const env = { HOLDALL_REPOSITORY: repositoryOf(home), HOLDALL_KEYFILE: keyFile, HOME: home };
  const run = (command: readonly string[]) =>
    measure(command, { env, cwd: home, scratch: home, cold: false });
  const limit = [
    ...(memory === undefined ? [] : ["--memory", String(memory)]),
    ...(packSize === undefined ? [] : ["--pack-size", String(packSize)]),
  ];
  await run(holdall("init"));
  const save = holdall("backup", "-q", ...limit, set.live);
  const [backup, unchanged] = [await run(save), await run(save)];
  using out = freshFileSystem(home, set.bytes, set.files);
  const restore = await run(holdall("restore", "-q", "latest", "--to", out.path));
  return { backup, unchanged, restore };
}

const cell = ({ peak, wall }: Figure, ceiling: number): string =>
  `${peak > ceiling ? `**${peak.toFixed(0)}**` : peak.toFixed(0)} (${wall.toFixed(2)} s)`;

interface Options {
  readonly data: string;
  readonly work: string;
  readonly scale: number;
  readonly seed: string;
}

function options(): Options {
  const given = new Command("memory")
    .description("holdall's peak memory for growing sources")
    .requiredOption("--data <folder>", "where the sources are built once and kept")
    .option(
      "--work <folder>",
      "where repositories and restores go",
      join(tmpdir(), "holdall-bench"),
    )
    .option("--scale <share>", "size of the sources", Number, 1)
    .option("--seed <word>", "what the sources are drawn from", "1")
    .parse()
    .opts<Options>();
  return { ...given, data: resolve(given.data), work: resolve(given.work) };
}

cleanUpOnSignals();
const given = options();
mkdirSync(given.work, { recursive: true });
process.stdout.write(
  `Peak MiB (wall s) of holdall with a key file; ceilings ${CEILING_MIB.backup} MiB for backups, ` +
    `${CEILING_MIB.restore} for restores, above them in bold.\n\n` +
    "| source | --memory | --pack-size | first backup | unchanged backup | restore |\n|---|---|---|---|---|---|\n",
);
for (const source of sources(given.scale)) {
  const folder = join(given.data, `memory-seed-${given.seed}`, source.name);
  const set = dataSet(folder, () => source.draw(given.seed));
  for (const setting of SETTINGS) {
    const { memory, packSize } = setting;
    const { backup, unchanged, restore } = await peaks(set, setting, given.work);
    const cells = [
      source.name,
      memory === undefined ? "default" : String(memory),
      packSize === undefined ? "default" : String(packSize),
      // A budget that was asked for is allowed on top of what the default leaves room for.
      cell(backup, CEILING_MIB.backup + Math.max(0, (memory ?? 64) - 64)),
      cell(unchanged, CEILING_MIB.backup),
      cell(restore, CEILING_MIB.restore),
    ];
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
  }
}
