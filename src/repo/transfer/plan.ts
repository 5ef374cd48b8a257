/**
 * What a sync will do, from facts alone: which snapshots, which packs whole, what is sealed anew,
 * and what that takes. Pure.
 */
import { hex } from "../../base/bytes.ts";
import { Failure } from "../../base/failure.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import { filterSnapshots, type SnapshotFilter } from "../select.ts";

/** Share of a pack's bytes that must be needed for it to be copied whole. */
export const WHOLE_FROM = 0.5;
/** Packs that one index run speaks of. */
export const RUN_PACKS = 16;

/** What each snapshot costs beside its packs: claim, snapshot and end; the protocol's listings. */
const WRITER = { puts: 3, lists: 9, gets: 0 } as const;
/** What opening and looking once costs each side: slots, config, keys; what was new to a cache. */
const OPENING = { lists: 9, gets: 9 } as const;

/** What is needed of one pack of the source. */
export interface Need {
  readonly pack: string;
  /** Stored bytes of all of it. */
  readonly length: number;
  readonly chunks: number;
  /** Plaintext bytes that are needed, and that it holds. */
  readonly bytes: number;
  readonly all: number;
  /** Stored bytes of the blocks to be read when it is not copied whole, and how many. */
  readonly stored: number;
  readonly blocks: number;
}

export interface SnapshotChoice extends SnapshotFilter {
  /** Ids; what is not among them is not copied. */
  readonly ids?: readonly string[];
  /** The newest so many of what the rest lets through. */
  readonly last?: number;
}

/** What a selection wants of a source, oldest first. Fails with `no_snapshot` for an absent id. */
export function wantedSnapshots(all: readonly Snapshot[], selection: SnapshotChoice): Snapshot[] {
  const { ids, last } = selection;
  const absent = ids?.find((id) => !all.some((s) => hex(s.id) === id));
  if (absent !== undefined) throw new Failure("no_snapshot", `there is no snapshot ${absent}`);
  const named = all.filter((s) => ids === undefined || ids.includes(hex(s.id)));
  const found = filterSnapshots(named, selection);
  return last === undefined ? found : found.slice(Math.max(0, found.length - last));
}

export interface SyncFacts {
  /** Ids of the snapshots that are wanted, oldest first. */
  readonly wanted: readonly string[];
  /** Ids of those that the destination has. */
  readonly there: ReadonlySet<string>;
  /** Ids of those that were forgotten there: only a name brings them back. */
  readonly forgotten: ReadonlySet<string>;
  /** Ids of those that cannot be copied, with the reason. */
  readonly broken: ReadonlyMap<string, string>;
  readonly needs: readonly Need[];
  /** Both have the same lineage and keys. */
  readonly kin: boolean;
  /** Share of a pack that must be needed for it to be copied whole. */
  readonly wholeFrom: number;
  /** Bytes that a pack made anew is filled to. */
  readonly fill: number;
}

export interface SyncRequests {
  readonly puts: number;
  readonly gets: number;
  readonly lists: number;
}

export interface SyncPlan {
  /** Ids of the snapshots to copy, oldest first. */
  readonly snapshots: readonly string[];
  /** How many of the wanted ones are there already. */
  readonly present: number;
  /** How many of the wanted ones were forgotten there. */
  readonly forgotten: number;
  readonly broken: readonly { readonly id: string; readonly reason: string }[];
  /** Names of the packs to copy whole, and their bytes. */
  readonly packs: readonly string[];
  readonly packBytes: number;
  /** What is read in part and sealed anew: chunks, their plaintext, stored bytes read for them. */
  readonly chunks: number;
  readonly bytes: number;
  readonly partBytes: number;
  /** Bytes that go up to the destination and come down from the source, about. */
  readonly up: number;
  readonly down: number;
  /** What the destination and the source are asked for, about. */
  readonly to: SyncRequests;
  readonly from: SyncRequests;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** Decides what is copied, and how. Requests and bytes are estimates. */
export function planSync(facts: SyncFacts): SyncPlan {
  const { wanted, there, forgotten, broken, needs, kin, wholeFrom, fill } = facts;
  const lacking = wanted.filter((id) => !there.has(id) && !forgotten.has(id));
  const snapshots = lacking.filter((id) => !broken.has(id));
  const isWhole = (n: Need) => kin && n.bytes >= n.all * wholeFrom;
  const whole = needs.filter(isWhole);
  const part = needs.filter((n) => !isWhole(n));
  const packBytes = sum(whole.map((n) => n.length));
  const partBytes = sum(part.map((n) => n.stored));
  const bytes = sum(part.map((n) => n.bytes));
  // What is sealed anew compresses about as it did: its share of the blocks it lies in.
  const anew = sum(part.map((n) => Math.ceil((n.length * n.bytes) / Math.max(1, n.all))));
  const made = part.length === 0 ? 0 : 1 + Math.ceil(anew / fill);
  const runs = Math.ceil((whole.length + made) / RUN_PACKS);
  const copies = snapshots.length;
  return {
    snapshots,
    present: wanted.filter((id) => there.has(id)).length,
    forgotten: wanted.filter((id) => !there.has(id) && forgotten.has(id)).length,
    broken: [...broken].map(([id, reason]) => ({ id, reason })),
    packs: whole.map((n) => n.pack),
    packBytes,
    chunks: sum(part.map((n) => n.chunks)),
    bytes,
    partBytes,
    up: packBytes + anew,
    down: packBytes + partBytes,
    to: {
      puts: whole.length + made + runs + copies * WRITER.puts,
      gets: OPENING.gets + copies * WRITER.gets,
      lists: OPENING.lists + copies * WRITER.lists,
    },
    from: {
      puts: 0,
      gets: OPENING.gets + whole.length + sum(part.map((n) => n.blocks)),
      lists: OPENING.lists,
    },
  };
}

/**
 * The heads that a copied snapshot has where not all of the log is: for each that is not there, the
 * nearest before it that are. `log` gives the heads of a snapshot of the source.
 */
export function headsThere(
  heads: readonly string[],
  log: ReadonlyMap<string, readonly string[]>,
  there: ReadonlySet<string>,
): string[] {
  const [found, seen] = [new Set<string>(), new Set<string>()];
  const left = [...heads];
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    if (there.has(id)) found.add(id);
    else left.push(...(log.get(id) ?? []));
  }
  return [...found].sort();
}
