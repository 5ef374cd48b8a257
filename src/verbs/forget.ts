/**
 * Forgets snapshots: those that are named, or those that a policy does not keep. Space comes back
 * with the next prune; until then `undelete` brings them back.
 *
 * Commit point: the put of each tombstone.
 */
import { hex, toText, unhex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { drive } from "../repo/drive.ts";
import { bareName, uploadId } from "../repo/layout.ts";
import type { Logged, Readable } from "../repo/log.ts";
import { type Forget, forgetAfter, nextOfForget, START_FORGET } from "../repo/protocol/forget.ts";
import type { Action, Answer, Stored } from "../repo/protocol/records.ts";
import { RULES } from "../repo/protocol/rules.ts";
import { fencesHeeded } from "../repo/records.ts";
import type { Repository } from "../repo/repository.ts";
import {
  type Candidate,
  type Grouping,
  type GroupPlan,
  type Policy,
  planRetention,
} from "../repo/retention.ts";
import { filterSnapshots, type SnapshotFilter, selectSnapshot } from "../repo/select.ts";

export type { Grouping, GroupPlan, Policy, Verdict } from "../repo/retention.ts";

export interface ForgetOptions {
  /** Snapshots to forget, by ids or beginnings of ids; without them the policy decides. */
  readonly snapshots?: readonly string[];
  readonly policy?: Policy;
  /** The policy looks at these only. */
  readonly filter?: SnapshotFilter;
  /** What the snapshots of a group have in common; host and paths if not given. */
  readonly groupBy?: readonly Grouping[];
  /** Plans; puts nothing. */
  readonly dryRun?: boolean;
}

export interface ForgetResult {
  /** Ids, in hexadecimal. */
  readonly forgotten: readonly string[];
  /** What was decided of each snapshot, and why; empty where snapshots were named. */
  readonly groups: readonly GroupPlan[];
  readonly dryRun: boolean;
}

/**
 * Forgets the named snapshots, or what the policy does not keep.
 *
 * A policy never empties a group unless it says that it may, orders by the log and not by clocks,
 * and forgets nothing of a group whose dates disagree with the log; `groups` tells. Fails with
 * `usage` for a policy that keeps nothing, `no_snapshot`, `snapshots_unreadable` where a policy
 * cannot see all snapshots, and the codes of the store.
 */
export async function forget(
  runtime: Runtime,
  repository: Repository,
  options: ForgetOptions,
): Promise<ForgetResult> {
  const dryRun = options.dryRun ?? false;
  const all = await repository.snapshots();
  repository.allow("prune", all);
  if (options.snapshots !== undefined) {
    const { snapshots } = options;
    // Only ids: `latest` and times may mean another snapshot by the time it is forgotten.
    const chosen = snapshots.map((text) => byId(all, text));
    const forgotten = await forgetAll(repository, all, chosen, dryRun);
    return { forgotten, groups: [], dryRun };
  }
  const [bad] = all.unreadable;
  if (bad !== undefined) {
    const message = `${bad.name} cannot be read, so no policy is carried out`;
    throw new Failure("snapshots_unreadable", message);
  }
  const acts = new Acts(runtime, repository, options, all);
  const machine = {
    next: (f: Forget) => nextOfForget(f, RULES),
    after: (f: Forget, answer: Answer) => forgetAfter(f, answer, RULES),
  };
  await drive(machine, START_FORGET, acts.act);
  return { forgotten: acts.forgotten, groups: acts.groups, dryRun };
}

function byId(all: Readable, text: string): string {
  if (!/^[0-9a-f]{4,32}$/.test(text)) {
    throw new Failure("no_snapshot", `${text}: a snapshot is forgotten by its id only`);
  }
  // A record that cannot be read is given up by its whole id: nobody sees what it holds.
  if (all.unreadable.some(({ name }) => idOf(name) === text)) return text;
  return hex(selectSnapshot(all, text, 0).id);
}

const idOf = (path: string) => uploadId(bareName(path) ?? "");

/** A person needs no reason: every object of these ids that counts gets a tombstone. */
async function forgetAll(
  repository: Repository,
  { logged, unreadable }: Readable,
  ids: readonly string[],
  dry: boolean,
): Promise<string[]> {
  const chosen = new Set(ids);
  for (const { name } of unreadable) {
    if (dry || !chosen.has(idOf(name))) continue;
    await repository.records.putTombstone(bareName(name) ?? "", unhex(idOf(name)));
  }
  for (const { name, snapshot, forgotten } of logged) {
    if (dry || forgotten || !chosen.has(hex(snapshot.id))) continue;
    await repository.records.putTombstone(name, snapshot.id);
  }
  return [...chosen];
}

/** Retention: acts because other snapshots exist, so these pass the writer's test first. */
class Acts {
  forgotten: string[] = [];
  groups: GroupPlan[] = [];
  private readonly runtime: Runtime;
  private readonly repository: Repository;
  private readonly options: ForgetOptions;
  private readonly all: Readable;
  private readonly byName: ReadonlyMap<string, Logged>;

  constructor(runtime: Runtime, repository: Repository, options: ForgetOptions, all: Readable) {
    this.runtime = runtime;
    this.repository = repository;
    this.options = options;
    this.all = all;
    this.byName = new Map(all.logged.map((l) => [l.name, l]));
  }

  readonly act = async (action: Action, f: Forget): Promise<Answer> => {
    switch (action.do) {
      case "list":
        return { did: "list", found: await this.listing(action.kind) };
      case "work":
        return { did: "work", chosen: this.chosen(f) };
      case "put":
        if (action.record.type === "tombstone") await this.put(action.record.snapshot);
        return { did: "put", known: true };
      default:
        throw new Failure("internal", `forgetting is asked to ${action.do}`);
    }
  };

  private async listing(kind: Extract<Action, { do: "list" }>["kind"]): Promise<readonly Stored[]> {
    const { records } = this.repository;
    if (kind === "fence") {
      const claims = new Set(this.all.logged.map(({ snapshot }) => hex(snapshot.claim)));
      return fencesHeeded(await records.list("fence", (id) => claims.has(id)));
    }
    // Listed before the fences are, as the test wants it.
    return this.all.logged.map(({ name, snapshot }) => {
      const heads = snapshot.heads.map(hex);
      return { type: "snapshot", name, claim: hex(snapshot.claim), heads };
    });
  }

  private chosen({ tested }: Forget): string[] {
    const { policy = {}, filter = {}, groupBy, dryRun } = this.options;
    const passed = new Set(
      tested.map((name) => this.byName.get(name)).filter((l) => l && !l.forgotten && !l.fenced),
    );
    const ids = new Set([...passed].flatMap((l) => (l ? [hex(l.snapshot.id)] : [])));
    const candidates = filterSnapshots(this.all.snapshots, filter).map((s) => candidate(s, ids));
    this.groups = planRetention(candidates, policy, this.runtime.clock.now(), groupBy);
    const gone = this.groups.flatMap((g) => g.verdicts.filter((v) => !v.keep).map((v) => v.id));
    this.forgotten = gone;
    if (dryRun) return [];
    const drop = new Set(gone);
    return this.all.logged
      .filter(({ snapshot, forgotten }) => !forgotten && drop.has(hex(snapshot.id)))
      .map(({ name }) => name);
  }

  private async put(name: string): Promise<void> {
    const logged = this.byName.get(name);
    if (logged === undefined) throw new Failure("internal", `${name} was never listed`);
    await this.repository.records.putTombstone(name, logged.snapshot.id);
  }
}

function candidate(s: Snapshot, tested: ReadonlySet<string>): Candidate {
  return {
    id: hex(s.id),
    host: s.host,
    paths: s.section.paths.map(toText),
    tags: s.section.tags,
    time: s.time,
    writer: hex(s.writer),
    sequence: s.sequence,
    heads: s.heads.map(hex),
    tested: tested.has(hex(s.id)),
  };
}
