/**
 * The log: all snapshots, and which of them count.
 *
 * Invariants: one record that cannot be read never stops what does not need it; a snapshot is left
 * out only by a tombstone or a final fence that was put by who may; of several objects of one
 * snapshot the latest counts.
 */
import { hex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import { decodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import type { Keyring } from "../seam/native.ts";
import type { Store } from "../store/store.ts";
import type { Cache } from "./cache.ts";
import { bareName, uploadId } from "./layout.ts";
import { getChecked, listAll, ofObject } from "./objects.ts";
import { ofType } from "./protocol/records.ts";
import { RULES } from "./protocol/rules.ts";
import { believed, type Records } from "./records.ts";

const FETCHES = 8;

/** One stored snapshot record. */
export interface Logged {
  /** Bare name of its object. */
  readonly name: string;
  readonly snapshot: Snapshot;
  /** It has a tombstone: readers leave it out, the next prune takes it. */
  readonly forgotten: boolean;
  /** Its claim has a final fence: it was never acknowledged, and never will be. */
  readonly fenced: boolean;
}

export interface Readable {
  /** Those that count, oldest first. */
  readonly snapshots: Snapshot[];
  /** Records that cannot be read and that nobody gave up, with the reason. */
  readonly unreadable: { name: string; reason: string }[];
  /** Every record that can be read, whatever became of it. */
  readonly logged: readonly Logged[];
}

export interface Stored {
  readonly found: readonly { readonly name: string; readonly snapshot: Snapshot }[];
  readonly unreadable: { name: string; reason: string }[];
  /** Bare names of records that cannot be read and have a tombstone: they need nothing. */
  readonly givenUp: readonly string[];
}

/** Why nothing is removed while such a record is there. */
export function needsUnknown({ name, reason }: { name: string; reason: string }): Failure {
  const next = `put it back, or give it up: holdall forget ${uploadId(name)}`;
  const message = `${name} cannot be read (${reason}), so nobody knows what it needs; nothing is removed; ${next}`;
  return new Failure("snapshots_unreadable", message);
}

export class Log {
  private readonly store: Store;
  private readonly keyring: Keyring;
  private readonly records: Records;
  private readonly cache: Cache | null;
  private readonly runtime: Runtime;
  private readonly known = new Map<string, Snapshot>();

  constructor(
    store: Store,
    keyring: Keyring,
    records: Records,
    cache: Cache | null,
    runtime: Runtime,
  ) {
    this.store = store;
    this.keyring = keyring;
    this.records = records;
    this.cache = cache;
    this.runtime = runtime;
  }

  /** One listing of the snapshots; each record that was not read before is read. */
  async stored(): Promise<Stored> {
    const listed = await listAll(this.store, "snapshot");
    const unreadable: Stored["unreadable"] = [];
    const found = await mapBounded(listed, FETCHES, async ({ name: path }) => {
      const name = bareName(path) ?? "";
      try {
        const known = this.known.get(name);
        const snapshot = known ?? this.open(name, await getChecked(this.store, path));
        if (known === undefined) this.warn(snapshot);
        this.known.set(name, snapshot);
        return { name, snapshot };
      } catch (error) {
        const failure = ofObject(error);
        // Swept since it was listed: as if the listing had begun later.
        if (failure.code !== "object_missing") {
          unreadable.push({ name: path, reason: failure.message });
        }
        return null;
      }
    });
    const givenUp = await this.givenUp(unreadable.map(({ name }) => bareName(name) ?? ""));
    return {
      found: found.filter((f) => f !== null),
      unreadable: unreadable.filter(({ name }) => !givenUp.includes(bareName(name) ?? "")),
      givenUp,
    };
  }

  private async givenUp(names: readonly string[]): Promise<string[]> {
    if (names.length === 0) return [];
    const ids = new Set(names.map(uploadId));
    const reads = await this.records.list("tombstone", (id) => ids.has(id));
    const told = new Set(ofType(believed(reads), "tombstone").map((t) => t.snapshot));
    return names.filter((name) => told.has(name));
  }

  private open(name: string, bytes: Buffer): Snapshot {
    const content = this.keyring.open("snapshot", name, bytes);
    return decodeSnapshot(content, (n, part) => this.keyring.open("section", n, part));
  }

  private warn({ id, closed }: Snapshot): void {
    if (closed.length === 0) return;
    const message = `snapshot ${hex(id).slice(0, 8)}: ${closed.length} section does not open, what it holds is left out: ${closed[0]}`;
    this.runtime.emit({ event: "warning", message });
  }

  async read(): Promise<Readable> {
    const { found, unreadable } = await this.stored();
    const ids = new Set(found.map(({ snapshot }) => hex(snapshot.id)));
    const claims = new Set(found.map(({ snapshot }) => hex(snapshot.claim)));
    // Both are listed after the snapshots were; neither says anything of the other.
    const [tombstones, fences] = await Promise.all([
      this.records.list("tombstone", (id) => ids.has(id)),
      this.records.list("fence", (id) => claims.has(id)),
    ]);
    const named = new Set(ofType(believed(tombstones), "tombstone").map((t) => t.snapshot));
    const ending = believed(fences);
    const logged = found.map(({ name, snapshot }): Logged => {
      const kept = { type: "snapshot", name, claim: hex(snapshot.claim), heads: [] } as const;
      const forgotten = named.has(name);
      return { name, snapshot, forgotten, fenced: RULES.ignored(kept, ending) };
    });
    logged.sort((a, b) => (a.name < b.name ? -1 : 1));
    const snapshots = counting(logged);
    if (unreadable.length === 0) await this.compareHeads(snapshots, logged);
    return { snapshots, unreadable, logged };
  }

  /**
   * A store can withhold what it has, or be rolled back: a client that was here before sees it,
   * because what nothing came after must still be there, or be forgotten.
   */
  private async compareHeads(
    snapshots: readonly Snapshot[],
    logged: readonly Logged[],
  ): Promise<void> {
    if (this.cache === null) return;
    const here = new Set(logged.map(({ snapshot }) => hex(snapshot.id)));
    const before = await this.cache.heads();
    const absent = new Set(before.filter((id) => !here.has(id)));
    if (absent.size > 0) {
      const told = await this.records.list("tombstone", (id) => absent.has(id));
      for (const { id, record, authorised } of told) {
        if (record !== null && authorised !== false) absent.delete(id);
      }
    }
    if (absent.size > 0) {
      const ids = [...absent].map((id) => id.slice(0, 8)).join(" ");
      const message = `snapshots that this client saw here are gone: ${ids}; was the store rolled back?`;
      this.runtime.emit({ event: "warning", message });
    }
    const heads = headsOf(snapshots).map(hex);
    if (heads.join() !== before.join()) await this.cache.pin(heads, this.runtime.random(8));
  }
}

/** What counts, oldest first. */
function counting(logged: readonly Logged[]): Snapshot[] {
  const byId = new Map<string, Snapshot>();
  for (const { snapshot, forgotten, fenced } of logged) {
    if (forgotten || fenced) continue;
    const other = byId.get(hex(snapshot.id));
    const later = other === undefined || order(other, snapshot) < 0;
    if (later) byId.set(hex(snapshot.id), snapshot);
  }
  return [...byId.values()].sort(
    (a, b) => a.time - b.time || a.sequence - b.sequence || Buffer.compare(a.id, b.id),
  );
}

const order = (a: Snapshot, b: Snapshot) => a.sequence - b.sequence || a.time - b.time;

/** Snapshots that no other snapshot came after. */
export function headsOf(snapshots: readonly Snapshot[]): Buffer[] {
  const followed = new Set(snapshots.flatMap((s) => s.heads.map(hex)));
  return snapshots.map((s) => s.id).filter((id) => !followed.has(hex(id)));
}
