/** Two repositories to sync: one with a source tree, and another in a store of any kind. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type HoldallEvent,
  init,
  initReplica,
  openRepository,
  openStore,
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

/** A repository `from` in a folder, and how to make, open and fill another one. */
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
    async make(kin: Kin, there: Store = openStore(join(folder, "there"))): Promise<Store> {
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
