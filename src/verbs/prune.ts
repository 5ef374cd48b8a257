/**
 * Takes away what no snapshot needs: condemns packs, then sweeps every condemned list.
 *
 * Commit point: of condemning, the put of the list; of a sweep, the removal of its list. Killed
 * anywhere, the next prune goes on with what is left. Writers may be at work all the while.
 */
import { Failure, toFailure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { type Compacted, compact } from "../repo/compacting.ts";
import { condemn, type Facts, type PackFacts } from "../repo/condemning.ts";
import { needsUnknown } from "../repo/log.ts";
import { nextFill, packing } from "../repo/packing.ts";
import { type Condemned, ofType } from "../repo/protocol/records.ts";
import { believed, doubtful } from "../repo/records.ts";
import type { Repository } from "../repo/repository.ts";
import { Busy, type Patience, type Swept, sweep } from "../repo/sweeping.ts";
import { discardRemnants, retire } from "../repo/tidying.ts";

export interface PruneOptions {
  /** Share of what is stored that may stay though nothing needs it, 0 to 1; 0.1 if not given. */
  readonly maxUnused?: number;
  /** Stored bytes that may be copied to get at what is unused beside them. */
  readonly maxRepack?: number;
  /** Plans and counts; changes nothing. */
  readonly dryRun?: boolean;
  /** Milliseconds to wait for writers to end; a minute if not given. */
  readonly wait?: number;
  /**
   * Milliseconds after which a writer that has not ended is taken for dead, by its own clock; it
   * has to begin again should it live. A day if not given. Younger ones never have to: what they
   * may rely on is left to the next prune.
   */
  readonly fenceAfter?: number;
  /** MiB that new packs are filled to; by what the repository has if not given. */
  readonly packSize?: number;
}

/** What a prune does, or would do. */
export interface PrunePlan {
  /** Packs to condemn: first what nothing needs, then what is worth repacking. */
  readonly packs: readonly string[];
  readonly unusedPacks: number;
  readonly repackedPacks: number;
  /** Stored bytes: given back, copied to get at them, and unused but left. */
  readonly freed: number;
  readonly copied: number;
  readonly left: number;
}

export interface PruneResult {
  readonly plan: PrunePlan;
  readonly dryRun: boolean;
  /** Stored bytes of all packs before and after. */
  readonly before: number;
  readonly after: number;
  /** Snapshots that are forgotten and were, or would be, taken away. */
  readonly snapshots: number;
  /** Packs that were taken away, those that an earlier prune had condemned among them. */
  readonly packs: number;
  /** Condemned lists that are left, and hosts whose writers they wait for. */
  readonly waiting: number;
  readonly hosts: readonly string[];
  readonly claims: number;
  readonly remnants: number;
  readonly runs: Compacted;
  /** Requests that a dry run expects. */
  readonly requests: Requests;
}

export interface Requests {
  readonly puts: number;
  readonly gets: number;
  readonly removals: number;
}

const MINUTE = 60_000;
const DAY = 86_400_000;
const DEFAULT_UNUSED = 0.1;
/** Packs below this are worth joining once there are many of them. */
const SMALL = 4 << 20;
const MANY_SMALL = 64;
/** Stored bytes of a block, about. */
const BLOCK = 1 << 20;

/** A plan of a prune: what nothing needs goes, and half-used packs until little is unused. */
export function planPrune(facts: Facts, options: PruneOptions = {}): PrunePlan {
  const { maxUnused = DEFAULT_UNUSED, maxRepack = Number.POSITIVE_INFINITY } = options;
  const waste = (p: PackFacts) => Math.max(0, p.held - p.used);
  const share = (p: PackFacts) => waste(p) / Math.max(1, p.held);
  const packs = [...facts.packs].sort((a, b) => share(b) - share(a) || order(a, b));
  const unused = packs.filter((p) => p.used === 0);
  const used = packs.filter((p) => p.used > 0);
  let left = used.reduce((n, p) => n + waste(p), 0);
  let copied = 0;
  const bytes = facts.bytes - facts.condemned - unused.reduce((n, p) => n + p.length, 0);
  const small = used.filter((p) => p.length < SMALL);
  const joined = new Set(small.length > MANY_SMALL ? small.map((p) => p.name) : []);
  const repacked = used.filter((p) => {
    const wasteful = waste(p) > p.held / 100 && left > bytes * maxUnused;
    if (!(wasteful || joined.has(p.name)) || copied + p.used > maxRepack) return false;
    left -= waste(p);
    copied += p.used;
    return true;
  });
  const freed = [...unused, ...repacked].reduce((n, p) => n + p.length, 0) - copied;
  return {
    packs: [...unused, ...repacked].map((p) => p.name),
    unusedPacks: unused.length,
    repackedPacks: repacked.length,
    freed,
    copied,
    left,
  };
}

const order = (a: PackFacts, b: PackFacts) => (a.name < b.name ? -1 : 1);

/**
 * Takes away what no snapshot needs, beside running backups; what an earlier prune began is
 * finished first. Lists that have to wait for writers are in the result, and left to the next one.
 *
 * Fails with `snapshots_unreadable` or `missing_object` when what snapshots need cannot be known or
 * is not there, and then takes nothing away; with `interrupted`, and the codes of the store.
 */
export async function prune(
  runtime: Runtime,
  repository: Repository,
  options: PruneOptions = {},
): Promise<PruneResult> {
  check(options);
  const known = await repository.snapshots();
  repository.allow("prune", known);
  const [bad] = known.unreadable;
  if (bad !== undefined) throw needsUnknown(bad);
  const before = await bytesOfPacks(repository);
  const run = new Run(runtime, repository, options);
  if (options.dryRun) return run.dry(before);
  await run.sweepLists();
  // What was finally fenced was never acknowledged: it needs no reason to go.
  for (const { name, snapshot, fenced, forgotten } of known.logged) {
    if (fenced && !forgotten) await repository.records.putTombstone(name, snapshot.id);
  }
  const list = await condemn(runtime, repository, run.choose, run.patience.fenceAfter);
  if (list !== null) await run.sweepList(list);
  const remnants = await discardRemnants(repository);
  const claims = await retire(repository);
  const runs = await compact(runtime, repository);
  const after = await bytesOfPacks(repository);
  return run.result({ before, after, remnants, claims, runs });
}

function check({ maxUnused = 0, maxRepack = 0, wait = 0, fenceAfter = 0 }: PruneOptions): void {
  if ([maxUnused, maxRepack, wait, fenceAfter].every((n) => n >= 0) && maxUnused <= 1) return;
  throw new Failure("usage", "limits of a prune are 0 or more, and the unused share at most 1");
}

const NOTHING: PrunePlan = {
  packs: [],
  unusedPacks: 0,
  repackedPacks: 0,
  freed: 0,
  copied: 0,
  left: 0,
};

class Run {
  private readonly runtime: Runtime;
  private readonly repository: Repository;
  private readonly options: PruneOptions;
  readonly patience: Patience;
  private plan = NOTHING;
  private readonly swept: Swept[] = [];
  private waiting = 0;
  private readonly hosts = new Set<string>();

  constructor(runtime: Runtime, repository: Repository, options: PruneOptions) {
    this.runtime = runtime;
    this.repository = repository;
    this.options = options;
    this.patience = { wait: options.wait ?? MINUTE, fenceAfter: options.fenceAfter ?? DAY };
  }

  readonly choose = (facts: Facts): readonly string[] => {
    this.plan = planPrune(facts, this.options);
    return this.plan.packs;
  };

  /** What earlier prunes left. */
  async sweepLists(): Promise<void> {
    const reads = await this.repository.records.list("condemned");
    for (const { name, record, reason } of doubtful(reads)) {
      const why = record === null ? `cannot be read: ${reason}` : "was not put by who may";
      const message = `condemned list ${name} ${why}; it is left alone`;
      this.runtime.emit({ event: "warning", message });
    }
    for (const list of ofType(believed(reads), "condemned")) await this.sweepList(list);
  }

  async sweepList(list: Condemned): Promise<void> {
    const { runtime, repository, patience, options } = this;
    try {
      const swept = await sweep(runtime, repository, list, patience, options.packSize);
      if (swept !== null) this.swept.push(swept);
    } catch (error) {
      const { code, message } = toFailure(error);
      if (!(error instanceof Busy) && code !== "retained") throw error;
      this.waiting++;
      if (error instanceof Busy) for (const host of error.hosts) this.hosts.add(host);
      else this.runtime.emit({ event: "warning", message: `${message}; its list waits` });
    }
  }

  async dry(before: number): Promise<PruneResult> {
    const { repository } = this;
    const reads = await repository.records.list("condemned");
    const lists = ofType(believed(reads), "condemned");
    const { fenceAfter } = this.patience;
    const list = await condemn(this.runtime, repository, this.choose, fenceAfter, true);
    const packs = [...lists, ...(list ? [list] : [])].flatMap((k) => k.packs).length;
    const snapshots = [...lists, ...(list ? [list] : [])].flatMap((k) => k.tombstones).length;
    const after = before - this.plan.freed;
    const fill = nextFill({ ...packing([], this.options.packSize), stored: before });
    const made = Math.ceil(this.plan.copied / fill);
    const requests = {
      puts: (list ? 1 : 0) + made + Math.ceil(made / 16),
      gets: packs * 2 + Math.ceil(this.plan.copied / BLOCK),
      removals: packs + snapshots + lists.length + (list ? 1 : 0),
    };
    const nothing = { remnants: 0, claims: 0, runs: { before: 0, after: 0 } };
    const result = this.result({ before, after, ...nothing });
    return { ...result, dryRun: true, packs, snapshots, requests, waiting: lists.length };
  }

  result(
    facts: Pick<PruneResult, "before" | "after" | "remnants" | "claims" | "runs">,
  ): PruneResult {
    const sum = (key: "packs" | "snapshots") => this.swept.reduce((n, s) => n + s[key], 0);
    return {
      plan: this.plan,
      dryRun: false,
      ...facts,
      packs: sum("packs"),
      snapshots: sum("snapshots"),
      waiting: this.waiting,
      hosts: [...this.hosts].sort(),
      requests: { puts: 0, gets: 0, removals: 0 },
    };
  }
}

async function bytesOfPacks(repository: Repository): Promise<number> {
  return (await repository.list("pack")).reduce((n, p) => n + p.length, 0);
}
