/** A repository to test with: a key file's secret, a folder, and the public library. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  backup,
  type HoldallEvent,
  init,
  openRepository,
  openStore,
  restore,
  type Store,
  systemRuntime,
} from "../../src/index.ts";

export async function fixture(folder: string, store: Store = openStore(join(folder, "repo"))) {
  const secret = { kind: "keyfile", bytes: randomBytes(32) } as const;
  const events: HoldallEvent[] = [];
  const runtime = systemRuntime({ emit: (event) => events.push(event) });
  const made = await init(runtime, store, secret);
  const open = () => openRepository(store, secret, runtime);
  return {
    secret,
    runtime,
    store,
    events,
    made,
    open,
    async save(paths: string[], options: Partial<Parameters<typeof backup>[2]> = {}) {
      const repository = await open();
      const full = {
        paths: paths.map((p) => Buffer.from(p)),
        host: "test",
        workers: 2,
        tool: "test",
        ...options,
      };
      return backup(runtime, repository, full);
    },
    async bring(
      snapshot: Parameters<typeof restore>[2],
      path: string,
      target: string,
      options: { delete?: boolean } = {},
    ) {
      const repository = await open();
      return restore(runtime, repository, snapshot, {
        path: Buffer.from(path),
        target,
        workers: 2,
        ...options,
      });
    },
  };
}
