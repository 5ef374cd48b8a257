/**
 * Which snapshots a policy keeps and forgets: a plan, from facts alone, with reasons.
 * Commit point: none; `forget` carries out what is planned here.
 *
 * Invariants: order comes from the log (what each writer saw, and its own sequence), never from
 * clocks; where times disagree with that order nothing of the group is forgotten. Only those that
 * passed the writer's test count as kept. A group is never emptied unless that was asked for.
 */
import { Failure } from "../base/failure.ts";

export interface Policy {
  /** How many of the newest to keep, and of how many periods (UTC; weeks begin on Monday). */
  readonly last?: number;
  readonly hourly?: number;
  readonly daily?: number;
  readonly weekly?: number;
  readonly monthly?: number;
  readonly yearly?: number;
  /** Milliseconds before the group's newest snapshot, or before now where that is earlier. */
  readonly within?: number;
  /** Snapshots with one of these tags are kept. */
  readonly tags?: readonly string[];
  /** Allows a group to lose all its snapshots. */
  readonly mayEmpty?: boolean;
}

export interface Candidate {
  readonly id: string;
  readonly host: string;
  readonly paths: readonly string[];
  readonly tags: readonly string[];
  /** Milliseconds since 1970, as its writer's clock had it. */
  readonly time: number;
  readonly writer: string;
  /** Larger than that of every snapshot its writer saw: it orders also where the log has gaps. */
  readonly sequence: number;
  /** Ids of snapshots that its writer saw. */
  readonly heads: readonly string[];
  /** It was seen, and its claim then had no fence: it may be a reason to forget others. */
  readonly tested: boolean;
}

export interface Verdict {
  readonly id: string;
  readonly keep: boolean;
  readonly reasons: readonly string[];
}

export interface GroupPlan {
  readonly host: string;
  readonly paths: readonly string[];
  /** Oldest first. */
  readonly verdicts: readonly Verdict[];
  /** Why nothing of this group is forgotten, though the policy would. */
  readonly refused: string | null;
}

const HOUR = 3_600_000;
/** Two backups may begin together and see each other or not. */
const SKEW = 10 * 60_000;
const PERIODS = {
  hourly: (ms: number) => Math.floor(ms / HOUR),
  daily: (ms: number) => Math.floor(ms / (24 * HOUR)),
  // 1970 began on a Thursday.
  weekly: (ms: number) => Math.floor((Math.floor(ms / (24 * HOUR)) + 3) / 7),
  monthly: (ms: number) => new Date(ms).getUTCFullYear() * 12 + new Date(ms).getUTCMonth(),
  yearly: (ms: number) => new Date(ms).getUTCFullYear(),
} as const;

type Period = keyof typeof PERIODS;

const periods = Object.keys(PERIODS) as Period[];

/** What snapshots of one group have in common. */
export const GROUPINGS = ["host", "paths", "tags"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export function planRetention(
  candidates: readonly Candidate[],
  policy: Policy,
  now: number,
  groupBy: readonly Grouping[] = ["host", "paths"],
): GroupPlan[] {
  const { last = 0, within = 0, tags = [] } = policy;
  const counts = [last, within, ...periods.map((p) => policy[p] ?? 0)];
  if (counts.some((n) => !Number.isFinite(n) || n < 0)) {
    throw new Failure("usage", "a retention count must be a number, 0 or more");
  }
  if (counts.every((n) => n === 0) && tags.length === 0 && !policy.mayEmpty) {
    throw new Failure("usage", "a retention policy that keeps nothing would forget everything");
  }
  const log = readLog(candidates);
  const key = (c: Candidate, by: Grouping) => (by === "host" ? c.host : [...c[by]].sort());
  const groups = grouped(log.order, (c) => JSON.stringify(groupBy.map((by) => key(c, by))));
  return groups.map((order) => planGroup(order, log, policy, now));
}

function grouped<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups.values()];
}

function planGroup(order: readonly Candidate[], log: Log, policy: Policy, now: number): GroupPlan {
  const reasons = keepReasons(order, policy, now);
  const verdicts = order.map(({ id, tested }): Verdict => {
    if (!tested) return { id, keep: true, reasons: ["not known to be acknowledged"] };
    const why = reasons.get(id) ?? [];
    return { id, keep: why.length > 0, reasons: why };
  });
  const { host = "", paths = [] } = order[0] ?? {};
  const refused = verdicts.every((v) => v.keep) ? null : refusal(order, verdicts, log, policy);
  if (refused === null) return { host, paths, verdicts, refused };
  const kept = verdicts.map((v) => ({ ...v, keep: true, reasons: [...v.reasons, refused] }));
  return { host, paths, verdicts: kept, refused };
}

/** Why each is kept, working back from the newest that passed the test. */
function keepReasons(
  order: readonly Candidate[],
  policy: Policy,
  now: number,
): Map<string, string[]> {
  const newest = order.filter((c) => c.tested).reverse();
  const reasons = new Map<string, string[]>();
  const keep = (c: Candidate, why: string) =>
    reasons.set(c.id, [...(reasons.get(c.id) ?? []), why]);
  newest.slice(0, policy.last ?? 0).forEach((c, i) => {
    keep(c, `last ${i + 1}`);
  });
  for (const name of periods) {
    const seen = new Set<number>();
    for (const c of newest) {
      if (seen.size >= (policy[name] ?? 0)) break;
      const period = PERIODS[name](c.time);
      if (!seen.has(period)) keep(c, `${name} ${seen.add(period).size}`);
    }
  }
  const from = Math.min(now, newest[0]?.time ?? now) - (policy.within ?? 0);
  for (const c of newest) {
    if (policy.within && c.time >= from) keep(c, "within");
    for (const tag of c.tags) if (policy.tags?.includes(tag)) keep(c, `tag ${tag}`);
  }
  return reasons;
}

function refusal(
  order: readonly Candidate[],
  verdicts: readonly Verdict[],
  log: Log,
  policy: Policy,
): string | null {
  const tested = new Set(order.filter((c) => c.tested).map((c) => c.id));
  if (!policy.mayEmpty && !verdicts.some((v) => v.keep && tested.has(v.id))) {
    return "the policy would forget every snapshot of this group";
  }
  const latest = latestBefore(order, log);
  for (const c of order) {
    const earlier = latest.get(c.id);
    if (log.looped.has(c.id)) return `the log is not in order at ${c.id}`;
    if (earlier && earlier.time > c.time + SKEW) {
      return `times disagree with the log: ${earlier.id} is dated after ${c.id}, which came later`;
    }
  }
  return null;
}

interface Log {
  /** Oldest first; what the log does not order goes by sequence, time and id. */
  readonly order: readonly Candidate[];
  /** What each snapshot came directly after. */
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** Members of a loop, which only a damaged or hostile log has, and what comes after them. */
  readonly looped: ReadonlySet<string>;
}

/** Each snapshot comes after those its writer saw, and after its writer's own earlier one. */
function readLog(candidates: readonly Candidate[]): Log {
  const byId = new Map(candidates.map((c) => [c.id, c]));
  const parents = new Map(candidates.map((c) => [c.id, c.heads.filter((h) => byId.has(h))]));
  for (const own of grouped(candidates, (c) => c.writer)) {
    own.sort((a, b) => a.sequence - b.sequence);
    own.forEach((c, i) => {
      const older = own[i - 1];
      if (older && older.sequence < c.sequence) parents.get(c.id)?.push(older.id);
    });
  }
  const children = new Map<string, Candidate[]>();
  const waits = new Map<string, number>();
  for (const c of candidates) {
    const seen = new Set(parents.get(c.id));
    waits.set(c.id, seen.size);
    for (const parent of seen) children.set(parent, [...(children.get(parent) ?? []), c]);
  }
  const sooner = (a: Candidate, b: Candidate) =>
    a.sequence - b.sequence || a.time - b.time || (a.id < b.id ? -1 : 1);
  const ready = candidates.filter((c) => waits.get(c.id) === 0).sort(sooner);
  const order: Candidate[] = [];
  for (let c = ready.shift(); c !== undefined; c = ready.shift()) {
    order.push(c);
    for (const child of children.get(c.id) ?? []) {
      const left = (waits.get(child.id) ?? 0) - 1;
      waits.set(child.id, left);
      if (left > 0) continue;
      const at = ready.findIndex((r) => sooner(child, r) < 0);
      ready.splice(at < 0 ? ready.length : at, 0, child);
    }
  }
  const done = new Set(order.map((c) => c.id));
  const rest = candidates.filter((c) => !done.has(c.id)).sort(sooner);
  return { order: [...order, ...rest], parents, looped: new Set(rest.map((c) => c.id)) };
}

const bySequence = (a: Candidate, b: Candidate) => a.sequence - b.sequence;

/** Of the members that came before each snapshot, the one with the latest date. */
function latestBefore(members: readonly Candidate[], log: Log): Map<string, Candidate> {
  const own = new Map(members.map((c) => [c.id, c]));
  const latest = new Map<string, Candidate>();
  for (const { id } of log.order) {
    let best: Candidate | undefined;
    for (const parent of log.parents.get(id) ?? []) {
      for (const c of [own.get(parent), latest.get(parent)]) {
        if (c && (best === undefined || c.time > best.time)) best = c;
      }
    }
    if (best) latest.set(id, best);
  }
  // What was forgotten leaves gaps in the log; sequences still tell before from after.
  let best: Candidate | undefined;
  for (const level of grouped([...members].sort(bySequence), (c) => `${c.sequence}`)) {
    for (const c of level) {
      const old = latest.get(c.id);
      if (best && (old === undefined || best.time > old.time)) latest.set(c.id, best);
    }
    for (const c of level) if (best === undefined || c.time > best.time) best = c;
  }
  return latest;
}
