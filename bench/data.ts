/** The data sets: what each is, how it is drawn from a seed, and which targets hold for it. */
import { spawnSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { logsAndMail } from "./data/logs.ts";
import { binaries, mixture, sourceTrees } from "./data/machine.ts";
import { noise, words } from "./data/seeded.ts";
import { type DataSet, type Drawing, dataSet } from "./data/state.ts";

/** What is timed; a set with several later days gives the mean of their backups. */
export const ROWS = ["backup", "unchanged", "later", "restore", "one", "list"] as const;
export type Row = (typeof ROWS)[number];

export interface Recipe {
  readonly name: string;
  readonly about: string;
  readonly rows: readonly Row[];
  /** How many times the fastest peer's wall time is aimed for. */
  readonly targets: Partial<Record<Row, number>>;
  /** Seconds any run may take from start to end. */
  readonly within?: number;
  readonly draw: (scale: number, seed: string, scratch: string) => Drawing;
}

const MIB = 1 << 20;
const databaseScript = resolve(import.meta.dirname, "../../bench/data/database.py");

export const RECIPES: readonly Recipe[] = [
  {
    name: "small",
    about: "many small files: source trees, headers and documents; a day edits 1 % of them",
    rows: ["backup", "unchanged", "later", "restore", "one", "list"],
    targets: { backup: 3.5, unchanged: 3.5, restore: 2 },
    draw: (scale, seed) => sourceTrees({ files: 120_000 * scale, bytes: 1024 * MIB * scale }, seed),
  },
  {
    name: "binaries",
    about: "programs, libraries and object archives of 32 KiB and more",
    rows: ["backup", "unchanged", "restore", "one"],
    targets: { backup: 1.5, unchanged: 3.5, restore: 1.8 },
    draw: (scale) => binaries({ files: Number.POSITIVE_INFINITY, bytes: 1430 * MIB * scale }),
  },
  {
    name: "random",
    about: "one file of incompressible bytes",
    rows: ["backup", "unchanged", "restore"],
    targets: { backup: 5, unchanged: 3.5, restore: 1.8 },
    draw: randomFile,
  },
  {
    name: "database",
    about: "a SQLite database of text and indexed tables; a day dirties a tenth of its pages",
    rows: ["backup", "unchanged", "later", "restore"],
    targets: { unchanged: 3.5, restore: 1.8 },
    draw: database,
  },
  {
    name: "logs",
    about: "logs that rotate and a maildir, through five days",
    rows: ["backup", "unchanged", "later", "restore", "one"],
    targets: { unchanged: 3.5 },
    draw: logsAndMail,
  },
  {
    name: "tiny",
    about: "one folder of twelve small files: what a run costs from start to end",
    rows: ["backup", "unchanged", "later", "restore", "one", "list"],
    targets: {},
    within: 0.15,
    draw: tinyFolder,
  },
];

/** What goes to a server: it takes every program's whole path, and no disk beside it. */
export const OFFSITE: Recipe = {
  name: "offsite",
  about: "small files and larger programs and libraries; a day edits 1 % of them",
  rows: ["backup", "unchanged", "later", "restore", "one"],
  targets: {},
  draw: (scale, seed) => mixture({ files: 30_000 * scale, bytes: 400 * MIB * scale }, seed),
};

export const prepare = (recipe: Recipe, folder: string, scale: number, seed: string): DataSet =>
  dataSet(join(folder, `scale-${scale}-seed-${seed}`, recipe.name), (scratch) =>
    recipe.draw(scale, seed, scratch),
  );

function randomFile(scale: number, seed: string): Drawing {
  return {
    days: [new Map([["random.bin", "noise"]])],
    lay: (_, target) => {
      const next = noise(`${seed} random`);
      for (let left = Math.ceil(1024 * scale); left > 0; left--) {
        writeFileSync(target, next(MIB), { flag: "a" });
      }
    },
  };
}

function database(scale: number, seed: string, scratch: string): Drawing {
  const [first, second] = [join(scratch, "first"), join(scratch, "second")];
  const words = [databaseScript, first, second, String(400 * scale), seed];
  const made = spawnSync("python3", words, { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`database.py: ${made.stderr.trim().split("\n").at(-1)}`);
  const name = "shop.sqlite";
  return { days: [new Map([[name, first]]), new Map([[name, second]])], lay: copyFileSync };
}

function tinyFolder(_scale: number, seed: string): Drawing {
  const first = new Map(Array.from({ length: 12 }, (_, i) => [`etc/${i}.conf`, `text ${i}`]));
  return {
    days: [first, new Map([...first, ["etc/3.conf", "text of the second day"]])],
    lay: (value, target) => {
      const word = words(`${seed} ${value}`);
      writeFileSync(target, Array.from({ length: 200 }, word).join(" "));
    },
  };
}

/** Reads a whole tree, so that every tool finds it in the page cache. */
export function warm(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) warm(path);
    else if (entry.isFile()) readFileSync(path);
  }
}
