/**
 * What the average chunk size costs and saves: chunks, unique bytes of the first day, bytes the
 * later days add; by content as FORMAT.md cuts, and in pages. `node .build/bench/cutting.js`.
 *
 * The cuts are found by OpenSSL's AES over the sixteen alignments of a file, not by the product:
 * this measures the rule, before compression, at sizes the product is not built for.
 */
import { createCipheriv, createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { noise } from "./data/seeded.ts";
import type { DataSet } from "./data/state.ts";
import { prepare, RECIPES } from "./data.ts";

const KIB = 1 << 10;
const MIB = 1 << 20;
const AVERAGES = [16, 32, 64, 128, 256].map((size) => size * KIB);
const PAGE = 4 * KIB;
const SETS = ["small", "binaries", "database", "logs"];
const WINDOW = 16;
/** Normalised cutting: harder by four before the average, easier by four after it. */
const NORMAL_BITS = 2;
const INDEX_BYTES_A_CHUNK = 12;

/** Where a chunk may end, and how many low bits of the encrypted window before it are zero. */
interface Candidate {
  readonly at: number;
  readonly zeros: number;
}

const fewest = Math.log2(Math.min(...AVERAGES)) - NORMAL_BITS;

function candidates(data: Buffer, key: Buffer): Candidate[] {
  const found: Candidate[] = [];
  for (let shift = 0; shift < WINDOW && shift + WINDOW <= data.length; shift++) {
    const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    for (let from = shift; from + WINDOW <= data.length; from += 16 * MIB) {
      const whole = data.subarray(from, from + 16 * MIB);
      const windows = cipher.update(whole.subarray(0, whole.length - (whole.length % WINDOW)));
      for (let i = 0; i < windows.length; i += WINDOW) {
        // One in 256 goes on.
        if (windows[i] !== 0) continue;
        const zeros = lowZeros(windows.readUInt32LE(i));
        if (zeros >= fewest) found.push({ at: from + i + WINDOW, zeros });
      }
    }
  }
  return found.sort((a, b) => a.at - b.at);
}

const lowZeros = (value: number): number => (value === 0 ? 32 : 31 - Math.clz32(value & -value));

/** The ends of a file's chunks: at least a quarter of the average, at most four times. */
function cuts(found: readonly Candidate[], length: number, average: number): number[] {
  const bits = Math.log2(average);
  const ends: number[] = [];
  let next = 0;
  for (let start = 0; start < length; ) {
    const end = Math.min(start + average * 4, length);
    const middle = start + average;
    let cut = end;
    while ((found[next]?.at ?? Number.POSITIVE_INFINITY) < start + average / 4) next++;
    for (let i = next; ; i++) {
      const candidate = found[i];
      if (candidate === undefined || candidate.at >= end) break;
      const needed = candidate.at < middle ? bits + NORMAL_BITS : bits - NORMAL_BITS;
      if (candidate.zeros < needed) continue;
      cut = candidate.at;
      break;
    }
    ends.push(cut);
    start = cut;
  }
  return ends;
}

function pages(length: number): number[] {
  const ends = Array.from({ length: Math.floor(length / PAGE) }, (_, i) => (i + 1) * PAGE);
  return length % PAGE === 0 ? ends : [...ends, length];
}

/** Chunks seen so far at one size, and what each day added to them. */
interface Tally {
  readonly name: string;
  readonly ends: (found: readonly Candidate[], length: number) => number[];
  readonly seen: Set<string>;
  readonly addedOnDay: number[];
}

function tallies(): Tally[] {
  const byContent = AVERAGES.map((average) => ({
    name: `${average / KIB} KiB`,
    ends: (found: readonly Candidate[], length: number) => cuts(found, length, average),
  }));
  const paged = { name: "pages of 4 KiB", ends: (_: unknown, length: number) => pages(length) };
  return [...byContent, paged].map((way) => ({ ...way, seen: new Set(), addedOnDay: [] }));
}

function* filesOf(folder: string): Generator<Buffer> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesOf(path);
    else if (entry.isFile()) yield readFileSync(path);
  }
}

function tally(set: DataSet, key: Buffer): Tally[] {
  const all = tallies();
  for (let day = 1; day <= set.days; day++) {
    set.go(day);
    for (const way of all) way.addedOnDay.push(0);
    for (const data of filesOf(set.live)) {
      const found = candidates(data, key);
      for (const way of all)
        way.addedOnDay[day - 1] = (way.addedOnDay[day - 1] ?? 0) + add(way, data, found);
    }
  }
  set.go(1);
  return all;
}

/** Bytes of a file that were not there before. */
function add({ ends, seen }: Tally, data: Buffer, found: readonly Candidate[]): number {
  let added = 0;
  let start = 0;
  for (const end of ends(found, data.length)) {
    const chunk = data.subarray(start, end);
    const id = createHash("sha256").update(chunk).digest("base64");
    if (!seen.has(id)) added += chunk.length;
    seen.add(id);
    start = end;
  }
  return added;
}

const given = new Command("cutting")
  .description("chunks and unique bytes of the data sets at several average chunk sizes")
  .requiredOption("--data <folder>", "where the data sets are built once and kept")
  .option("--scale <share>", "size of the data sets", Number, 1)
  .option("--seed <word>", "what the data sets are drawn from", "1")
  .parse()
  .opts<{ data: string; scale: number; seed: string }>();
const key = noise(`${given.seed} cutting`)(16);
process.stdout.write(
  "| data set | average | chunks | index, KiB | first day, MiB | later days add, MiB |\n" +
    "|---|---|---|---|---|---|\n",
);
for (const recipe of RECIPES.filter(({ name }) => SETS.includes(name))) {
  const set = prepare(recipe, resolve(given.data), given.scale, given.seed);
  for (const { name, seen, addedOnDay } of tally(set, key)) {
    const [first = 0, ...later] = addedOnDay;
    const sum = later.reduce((all, bytes) => all + bytes, 0);
    const index = Math.round((seen.size * INDEX_BYTES_A_CHUNK) / KIB);
    const mib = [first, sum].map((bytes) => (bytes / MIB).toFixed(2)).join(" | ");
    process.stdout.write(`| ${recipe.name} | ${name} | ${seen.size} | ${index} | ${mib} |\n`);
  }
}
