/**
 * Judges a cut: what services answer against what the journal says was sent and acknowledged.
 *
 * Promised: acknowledged before min(B, F(u)) is present; sent after T is absent; an operation of a
 * chain is present only when those before it are. A driver outside the set is promised the order
 * inside each unit only. In between, either. What a service kept is whole, and in its place.
 */
import { type Chain, largestGap, type Recorded, readPayload, unitOf } from "./chain.ts";
import type { Answer } from "./unit.ts";

/** When a unit was made to stand, by CLOCK_MONOTONIC in nanoseconds. */
export interface UnitMoments {
  /** F: its flush was asked for; its stop, where it needs none. */
  readonly flushed: bigint;
  /** S: its last thread was seen stopped; left out where nothing was stopped. */
  readonly stopped?: bigint;
}

/** The moments of one cut. */
export interface Moments {
  /** B: the last writer of the set was seen stopped. */
  readonly writersStopped: bigint;
  /** T: the first was continued. */
  readonly continued: bigint;
  /** By `service/unit`; one that is not here was flushed at B. */
  readonly units: Readonly<Record<string, UnitMoments>>;
}

/** A cut for which everything had been stopped at `at`. */
export const stoppedAt = (at: bigint): Moments => ({
  writersStopped: at,
  continued: at,
  units: {},
});

export interface Finding {
  readonly kind: "lost" | "torn" | "order" | "after";
  readonly chain: string;
  readonly unit: string;
  /** The operation; null where what is wrong has no number. */
  readonly n: number | null;
  readonly why: string;
}

export interface Report {
  readonly findings: readonly Finding[];
  /** Operations in the journal, and of these: promised to be present, or to be absent. */
  readonly operations: number;
  readonly promised: number;
  readonly forbidden: number;
  readonly present: number;
  /** The largest gap between acknowledgements of each chain, in milliseconds. */
  readonly gaps: Readonly<Record<string, number>>;
}

/** What was asked of one chain: an answer for each unit, or why there was none. */
export type Answers = ReadonlyMap<string, Answer | Error>;

type Say = (kind: Finding["kind"], unit: string, n: number | null, why: string) => void;

/** Numbers that a unit holds, after looking at each value on its own and at their order. */
function numbers(chain: Chain, unit: string, values: readonly string[], say: Say): number[] {
  const found: number[] = [];
  let before = -1;
  for (const value of values) {
    const read = readPayload(value);
    if (read === null || read.chain !== chain.name) {
      say("torn", unit, null, `${JSON.stringify(value.slice(0, 40))} was never written`);
    } else if (!read.whole) {
      say("torn", unit, read.n, `${value.length} characters of another or cut value`);
    } else if (unitOf({ chain, n: read.n }) !== unit) {
      say("torn", unit, read.n, "is of another unit");
    } else {
      if (read.n <= before) say("order", unit, read.n, `stands after ${before}`);
      before = Math.max(before, read.n);
      found.push(read.n);
    }
  }
  return found;
}

/** What must have been there or not, by the times of one operation. */
function judgeOne(op: Recorded, there: boolean, moments: Moments, say: Say): void {
  const { stopped } = momentsOf(op.unit, moments);
  const until = boundOf(op.unit, moments);
  const told = op.acknowledged;
  const ms = (from: bigint, to: bigint) => `${(Number(to - from) / 1e6).toFixed(1)} ms`;
  if (!there && told !== null && told < until) {
    say("lost", op.unit, op.n, `acknowledged ${ms(told, until)} before the bound`);
  }
  if (!there) return;
  if (op.sent > moments.continued) {
    say("after", op.unit, op.n, `sent ${ms(moments.continued, op.sent)} after the first continue`);
  } else if (stopped !== undefined && op.sent > stopped) {
    say("after", op.unit, op.n, `sent ${ms(stopped, op.sent)} after its service stood`);
  }
}

const momentsOf = (unit: string, moments: Moments): UnitMoments =>
  moments.units[unit] ?? { flushed: moments.writersStopped };

/** min(B, F(u)). */
function boundOf(unit: string, moments: Moments): bigint {
  const { flushed } = momentsOf(unit, moments);
  if (flushed < moments.writersStopped) return flushed;
  return moments.writersStopped;
}

/** Operations that are missing although a later one of the same line is there. */
function judgeOrder(line: readonly Recorded[], has: (n: number) => boolean, say: Say): void {
  const last = line.findLast(({ n }) => has(n));
  if (last === undefined) return;
  for (const { n, unit } of line) {
    if (n < last.n && !has(n)) say("order", unit, n, `missing, ${last.n} of ${last.unit} is there`);
  }
}

/** One chain: its records against the answers of its units; how many are there. */
function judgeChain(
  line: readonly Recorded[],
  chain: Chain,
  answers: Answers,
  registers: ReadonlySet<string>,
  moments: Moments,
  say: Say,
): number {
  const present = new Set<number>();
  for (const unit of new Set(chain.units)) {
    const answer = answers.get(unit) ?? new Error("was not asked");
    if (answer instanceof Error) {
      say("torn", unit, null, `does not answer: ${answer.message}`);
      continue;
    }
    for (const why of answer.torn) say("torn", unit, null, why);
    const found = numbers(chain, unit, answer.values, say);
    const newest = Math.max(-1, ...found);
    const sent = new Set(line.map(({ n }) => n));
    for (const n of found) {
      present.add(n);
      if (!sent.has(n)) say("after", unit, n, "was never sent");
    }
    if (!registers.has(unit)) continue;
    for (const op of line) if (op.unit === unit && op.n <= newest) present.add(op.n);
  }
  const has = (n: number) => present.has(n);
  for (const op of line) judgeOne(op, has(op.n), moments, say);
  const groups = chain.inside
    ? [line]
    : [...new Set(chain.units)].map((unit) => line.filter((op) => op.unit === unit));
  for (const group of groups) judgeOrder(group, has, say);
  return line.filter(({ n }) => has(n)).length;
}

/** `registers`: units in which an operation takes the place of the one before it. */
export function judge(
  journal: readonly (readonly Recorded[])[],
  answers: ReadonlyMap<string, Answers>,
  registers: ReadonlySet<string>,
  moments: Moments,
): Report {
  const findings: Finding[] = [];
  const gaps: Record<string, number> = {};
  let present = 0;
  for (const line of journal) {
    const chain = line[0]?.chain;
    if (chain === undefined) continue;
    const say: Say = (kind, unit, n, why) =>
      findings.push({ kind, chain: chain.name, unit, n, why });
    const asked = answers.get(chain.name) ?? new Map<string, Answer>();
    present += judgeChain(line, chain, asked, registers, moments, say);
    gaps[chain.name] = largestGap(line);
  }
  const all = journal.flat();
  const early = ({ unit, acknowledged }: Recorded) =>
    acknowledged !== null && acknowledged < boundOf(unit, moments);
  return {
    findings,
    operations: all.length,
    promised: all.filter(early).length,
    forbidden: all.filter(({ sent }) => sent > moments.continued).length,
    present,
    gaps,
  };
}
