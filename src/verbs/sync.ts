/**
 * Copies snapshots from one repository into another: packs whole where both have the same keys,
 * everything sealed anew where they do not.
 *
 * Commit point, for each snapshot on its own: the put of its record at the destination, after every
 * pack and index run is durable, once its claim is then seen without a fence. Killed before, what
 * was indexed is used by the next run. Nothing is ever removed at the destination, and nothing is
 * written at the source.
 */
import { hex } from "../base/bytes.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { bareNames } from "../repo/layout.ts";
import type { Readable } from "../repo/log.ts";
import { isMiss } from "../repo/objects.ts";
import { nextFill, packing } from "../repo/packing.ts";
import type { Repository } from "../repo/repository.ts";
import {
  type CopyWork,
  commonBefore,
  copyChunks,
  reasonOf,
  recordThere,
  remake,
} from "../repo/transfer/copy.ts";
import { kinOf, lackingKeys } from "../repo/transfer/keys.ts";
import {
  planSync,
  type SnapshotChoice,
  type SyncPlan,
  WHOLE_FROM,
  wantedSnapshots,
} from "../repo/transfer/plan.ts";
import { type Place, survey } from "../repo/transfer/survey.ts";
import { type Attempt, write } from "../repo/writing.ts";

export interface SyncOptions {
  /** Which snapshots; all if not given. */
  readonly selection?: SnapshotChoice;
  /** Share of a pack that must be needed for it to be copied whole, 0 to 1; half if not given. */
  readonly wholeFrom?: number;
  /** Plans only. */
  readonly dryRun?: boolean;
  /** Sees the plan before anything is done; what it throws ends the sync. */
  readonly approve?: (plan: SyncPlan) => void;
  /** Name of this machine, for the claims. */
  readonly host: string;
  readonly workers: number;
  /** zstd level of what is sealed anew. */
  readonly level?: number;
  /** MiB that the core keeps to. */
  readonly memory?: number;
  /** MiB that packs sealed anew are filled to; by what the destination has if not given. */
  readonly packSize?: number;
}

export interface SyncResult {
  readonly plan: SyncPlan;
  /** Both have the same lineage and keys. */
  readonly kin: boolean;
  /** Ids of the snapshots that were copied. */
  readonly copied: readonly string[];
  /** Objects of the source that are damaged, and snapshots that could not be copied. */
  readonly problems: readonly { readonly object: string; readonly message: string }[];
  /** Stored bytes of packs that went to the destination. */
  readonly bytes: number;
}

interface Sync {
  readonly runtime: Runtime;
  readonly from: Place;
  readonly to: Repository;
  readonly kin: boolean;
  readonly source: Readable;
  readonly plan: SyncPlan;
  readonly options: SyncOptions;
  /** Packs of the source that are damaged, with the reason. */
  readonly damaged: Map<string, string>;
}

/**
 * Copies what the selection wants and the destination does not have, by logical id. What was
 * forgotten there stays so, unless the selection names it.
 *
 * A damaged object of the source stops only the snapshots that need it; these are among the
 * `problems`. Fails with the codes of both stores, `no_snapshot`, `interrupted`, and with what
 * `approve` throws. Emits `syncing` as it goes.
 */
export async function sync(
  runtime: Runtime,
  from: Repository,
  to: Repository,
  options: SyncOptions,
): Promise<SyncResult> {
  const kin = kinOf(from, to);
  let first: SyncPlan | undefined;
  const copied: string[] = [];
  let bytes = 0;
  // What a prune of the source moved meanwhile is looked for again.
  return from.reading(async (index) => {
    const done = await once(runtime, { repository: from, index }, to, kin, options);
    first ??= done.plan;
    copied.push(...done.copied);
    bytes += done.bytes;
    const { problems } = done;
    const missed = problems.some(({ message }) => isMiss(message));
    return { result: { plan: first, kin, copied, problems, bytes }, missed };
  });
}

/** Plans and copies by one look at both sides. */
async function once(
  runtime: Runtime,
  here: Place,
  to: Repository,
  kin: boolean,
  options: SyncOptions,
): Promise<Done & { plan: SyncPlan }> {
  const [source, there] = [await here.repository.snapshots(), await to.snapshots()];
  to.allow("write", there);
  warn(runtime, to, there);
  const wanted = wantedSnapshots(source.snapshots, options.selection ?? {});
  const ids = new Set(there.snapshots.map((s) => hex(s.id)));
  const forgotten = options.selection?.ids ? new Set<string>() : await forgottenAt(to, wanted);
  const lacking = wanted.filter((s) => !ids.has(hex(s.id)) && !forgotten.has(hex(s.id)));
  const { index, packs } = await to.index();
  const away: Place = { repository: to, index };
  // Under other keys only what both have tells what the destination lacks.
  const common = lacking.map((s) => commonBefore(s, source, there)?.here);
  const known = kin ? [] : source.snapshots.filter((s) => common.includes(s));
  const { needs, broken } = await survey(here, away, lacking, known);
  const plan = planSync({
    wanted: wanted.map((s) => hex(s.id)),
    there: ids,
    forgotten,
    broken,
    needs,
    kin,
    wholeFrom: options.wholeFrom ?? WHOLE_FROM,
    fill: nextFill(packing(packs, options.packSize)),
  });
  options.approve?.(plan);
  const damaged = new Map<string, string>();
  const work = { runtime, from: here, to, kin, source, plan, options, damaged };
  const done = options.dryRun ? NOTHING : await apply(work);
  const problems = [
    ...source.unreadable.map(({ name, reason }) => ({ object: name, message: reason })),
    ...plan.broken.map(({ id, reason }) => ({ object: `snapshot ${id}`, message: reason })),
    ...[...damaged].map(([pack, message]) => ({ object: `pack ${pack}`, message })),
    ...done.problems,
  ];
  return { plan, copied: done.copied, problems, bytes: done.bytes };
}

/** Ids of the snapshots that were forgotten there, whether or not a prune took them since. */
async function forgottenAt(to: Repository, wanted: readonly Snapshot[]): Promise<Set<string>> {
  const ids = new Set(wanted.map((s) => hex(s.id)));
  const reads = await to.records.list("tombstone", (id) => ids.has(id));
  return new Set(reads.filter((r) => r.record && r.authorised !== false).map((r) => r.id));
}

const NOTHING = { copied: [], problems: [], bytes: 0 };

function warn(runtime: Runtime, { store }: Repository, { unreadable }: Readable): void {
  for (const { name, reason } of unreadable) {
    const message = `${store.description}: snapshot record ${name} cannot be read: ${reason}`;
    runtime.emit({ event: "warning", message });
  }
}

type Done = Pick<SyncResult, "copied" | "problems" | "bytes">;

async function apply(sync: Sync): Promise<Done> {
  const { runtime, from, to, kin, source, plan } = sync;
  const copied: string[] = [];
  const problems: { object: string; message: string }[] = [];
  let before = 0;
  if (kin && plan.snapshots.length > 0) await copyKeys(from.repository, to);
  for (const [at, id] of plan.snapshots.entries()) {
    const snapshot = source.snapshots.find((s) => hex(s.id) === id);
    if (snapshot === undefined) continue;
    let bytes = 0;
    const tell = (now: number) => {
      bytes = now;
      runtime.emit({
        event: "syncing",
        snapshots: at,
        totalSnapshots: plan.snapshots.length,
        bytes: before + bytes,
        totalBytes: plan.up,
      });
    };
    const reason = await copySnapshot(sync, snapshot, tell);
    before += bytes;
    if (reason === null) copied.push(id);
    else problems.push({ object: `snapshot ${id}`, message: reason });
  }
  return { copied, problems, bytes: before };
}

/** Keys that were made since the replica was; without them it could not read what comes. */
async function copyKeys(from: Repository, to: Repository): Promise<void> {
  const own = new Set(bareNames(await to.list("key")));
  for (const { name, bytes } of await lackingKeys(from, own)) {
    await to.putSealed("key", { name, bytes });
    to.keyring.load(name, bytes);
  }
}

/** One snapshot as one writer; why it could not be copied, if it could not. */
async function copySnapshot(
  sync: Sync,
  snapshot: Snapshot,
  onBytes: (bytes: number) => void,
): Promise<string | null> {
  const { runtime, to, options } = sync;
  const make = async ({ claim, known, index, packs, look }: Attempt) => {
    const away = { repository: to, index };
    const own = { ...options, packing: packing(packs, options.packSize) };
    const work = { runtime, from: sync.from, to: away, claim, look, options: own, onBytes };
    return recordThere(await bring(sync, work, snapshot, known), claim, sync.source, known);
  };
  try {
    await write(runtime, to, options.host, make);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Everything that the snapshot needs; gives it as the destination is to have it. */
async function bring(
  sync: Sync,
  work: CopyWork,
  snapshot: Snapshot,
  known: Readable,
): Promise<Snapshot> {
  if (!sync.kin) return remake(work, snapshot, commonBefore(snapshot, sync.source, known));
  await copyChunks(work, snapshot, new Set(sync.plan.packs), sync.damaged);
  return snapshot;
}
