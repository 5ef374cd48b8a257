/** Operations, what they write, and the journal of when each was sent and acknowledged. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "./place.ts";

/** One line of operations, each sent when the one before it is acknowledged. */
export interface Chain {
  readonly name: string;
  /** Whether who drives it stands still with the services. */
  readonly inside: boolean;
  readonly context: Context;
  /** `service/unit` of operation n is the one at n modulo the length. */
  readonly units: readonly string[];
}

/** Operation `n` of a chain; numbers begin at 0 and grow by one. */
export interface Operation {
  readonly chain: Chain;
  readonly n: number;
}

export const unitOf = ({ chain, n }: Operation) => chain.units[n % chain.units.length] ?? "";

/** What an operation writes: its name, and more or less noise that only it has. */
export function payload(chain: string, n: number): string {
  const noise = (length: number) =>
    createHash("shake256", { outputLength: length }).update(`${chain} ${n}`).digest();
  const [a = 0, b = 0] = noise(2);
  // Mostly small; one of eight fills several pages of whatever keeps it.
  const length = a < 32 ? 1024 + 16 * b : 24 + b;
  return `${chain} ${n} ${noise(length).toString("hex")}`;
}

/** Which operation a payload says it is of; null when nobody could have written it. */
export function readPayload(text: string): { chain: string; n: number; whole: boolean } | null {
  const [, chain, number] = /^(\S+) (\d+) /.exec(text) ?? [];
  if (chain === undefined || number === undefined) return null;
  return { chain, n: Number(number), whole: text === payload(chain, Number(number)) };
}

/** CLOCK_MONOTONIC, in nanoseconds: one clock for every process of the machine. */
export const now = () => process.hrtime.bigint();

export interface Journal extends AsyncDisposable {
  /** Durable when it resolves: only then may the operation be sent. */
  sent(n: number, at: bigint): Promise<void>;
  /** Becomes durable with the next record; one that is lost asks nothing of a cut. */
  acknowledged(n: number, at: bigint): void;
  /** The operation may or may not have been done: the chain ends with it. */
  failed(n: number, at: bigint, why: string): Promise<void>;
}

/** One file a chain: its first line says what the chain is. */
export async function openJournal(folder: string, chain: Chain): Promise<Journal> {
  const file: FileHandle = await open(join(folder, `${chain.name}.log`), "ax");
  let waiting = `${JSON.stringify(chain)}\n`;
  const flush = async (line: string) => {
    const text = waiting + line;
    waiting = "";
    await file.appendFile(text);
    await file.datasync();
  };
  return {
    sent: (n, at) => flush(`S ${n} ${at}\n`),
    acknowledged(n, at) {
      waiting += `A ${n} ${at}\n`;
    },
    failed: (n, at, why) => flush(`F ${n} ${at} ${why.replaceAll("\n", " ")}\n`),
    async [Symbol.asyncDispose]() {
      if (waiting !== "") await flush("");
      await file.close();
    },
  };
}

/** What the journal says of one operation. */
export interface Recorded extends Operation {
  readonly unit: string;
  readonly sent: bigint;
  /** Null: never, or who was told is gone. */
  readonly acknowledged: bigint | null;
}

function readChain(text: string): Recorded[] {
  const lines = text.split("\n");
  // What follows the last line end was being written when its writer was killed.
  lines.pop();
  const chain = JSON.parse(lines.shift() ?? "null") as Chain | null;
  if (chain === null) return [];
  const found: Recorded[] = [];
  for (const line of lines) {
    const [kind, number, at] = line.split(" ");
    const n = Number(number);
    const moment = BigInt(at ?? "");
    if (kind === "S") {
      found[n] = { chain, n, unit: unitOf({ chain, n }), sent: moment, acknowledged: null };
    }
    const before = found[n];
    if (kind === "A" && before !== undefined) found[n] = { ...before, acknowledged: moment };
  }
  return found;
}

/** Every operation of a journal, chain by chain in the order of their numbers. */
export function readJournal(folder: string): Recorded[][] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".log"))
    .sort()
    .map((name) => readChain(readFileSync(join(folder, name), "utf8")))
    .filter((chain) => chain.length > 0);
}

/** From and to, by the clock of the journal. */
export type Span = readonly [from: bigint, to: bigint];

/**
 * The longest time a driver waited from one acknowledgement to the next, in milliseconds; of those
 * waits that reach into the span, where one is given.
 */
export function largestGap(chain: readonly Recorded[], span?: Span): number {
  const times = chain.flatMap(({ acknowledged }) => (acknowledged === null ? [] : [acknowledged]));
  const gaps = times.slice(1).map((end, at): Span => [times[at] ?? end, end]);
  const [from, to] = span ?? [0n, times.at(-1) ?? 0n];
  const within = gaps.filter(([begin, end]) => end >= from && begin <= to);
  return Math.max(0, ...within.map(([begin, end]) => Number(end - begin) / 1e6));
}

/** Operations that were sent in a span: a freeze during which nothing was begun proves nothing. */
export const begun = (journal: readonly (readonly Recorded[])[], [from, to]: Span): number =>
  journal.flat().filter(({ sent }) => sent >= from && sent <= to).length;
