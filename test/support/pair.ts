/** Two repositories to sync: one with a source tree, and another in a store of any kind. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import {
  check,
  type HoldallEvent,
  hex,
  init,
  initReplica,
  openMemoryStore,
  openRepository,
  type Repository,
  restore,
  type Secret,
  type Snapshot,
  type Store,
  type SyncOptions,
  sync,
  systemRuntime,
} from "../../src/index.ts";
import { fixture } from "./library.ts";
import { storeAt } from "./where.ts";

/** Files of many sizes; some compress and some do not. */
export function writeFiles(folder: string, seed: number, count = 12): void {
  mkdirSync(join(folder, "below"), { recursive: true });
  for (let i = 0; i < count; i++) {
    const where = join(folder, i % 3 === 0 ? "below" : ".", `${seed}-${i}`);
    const text = Buffer.alloc(1000 * (i + 1), `${seed} ${i} `);
    writeFileSync(where, i % 2 === 0 ? text : randomBytes(3000 * (i + 1)));
  }
}

export type Kin = "replica" | "stranger";

/** A repository to copy from, and how to make, open and fill another one. */
export async function pair(folder: string, store?: Store) {
  const own = await fixture(folder, store);
  const events: HoldallEvent[] = [];
  const runtime = systemRuntime({ emit: (event) => events.push(event) });
  const other: Secret = { kind: "keyfile", bytes: randomBytes(32) };
  const secretOf = (kin: Kin) => (kin === "replica" ? own.secret : other);
  return {
    ...own,
    folder,
    runtime,
    events,
    secretOf,
    source: join(folder, "source"),
    /** Makes the other repository. */
    async make(kin: Kin, there: Store = storeAt(join(folder, "there"))): Promise<Store> {
      if (kin === "replica") await initReplica(runtime, there, await own.open());
      else await init(runtime, there, other);
      return there;
    },
    openOther: (kin: Kin, there: Store, cache?: string) =>
      openRepository(there, secretOf(kin), runtime, cache === undefined ? {} : { cache }),
    async copy(kin: Kin, there: Store, options: Partial<SyncOptions> = {}) {
      const [from, to] = [await own.open(), await openRepository(there, secretOf(kin), runtime)];
      return sync(runtime, from, to, { host: "test", workers: 2, ...options });
    },
    /** Restores a snapshot of the other repository. */
    async back(to: Repository, snapshot: Snapshot, path: string, target: string) {
      return restore(runtime, to, snapshot, { path: Buffer.from(path), target, workers: 2 });
    },
  };
}

/**
 * A source of two snapshots, and what a new destination of either kind holds, which each trial
 * copies.
 */
export async function scene(folder: string, kin: Kin, source: Store = openMemoryStore()) {
  const p = await pair(folder, source);
  writeFiles(p.source, 1, 5);
  const ids = [hex((await p.save([p.source])).snapshot.id)];
  writeFileSync(join(p.source, "more"), "more".repeat(3000));
  ids.push(hex((await p.save([p.source])).snapshot.id));
  const empty = new Map<string, Buffer>();
  await p.make(kin, openMemoryStore(empty));
  /** One sync, as a new process does it; `runtime` is what it lives by. */
  const run = async (store: Store, here: Store = source, runtime = p.runtime) => {
    const from = await openRepository(here, p.secret, runtime);
    const to = await openRepository(store, p.secretOf(kin), runtime);
    return sync(runtime, from, to, { host: "h", workers: 1 });
  };
  /** What is there is whole; gives the ids of the snapshots. */
  const look = async (store: Store) => {
    const to = await openRepository(store, p.secretOf(kin), p.runtime);
    const { problems } = await check(p.runtime, to, { read: 1 });
    expect(problems).toEqual([]);
    return (await to.snapshots()).snapshots.map((s) => hex(s.id));
  };
  return { ...p, ids, empty, run, look };
}
