/**
 * A repository to test with: a key file's secret, a folder, and the public library.
 *
 * Unless the repository is in memory, the independent reader opens it after every backup, and
 * compares every restore that had no trouble with what it reads itself.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect } from "vitest";
import {
  backup,
  type HoldallEvent,
  hex,
  init,
  openRepository,
  restore,
  type Snapshot,
  type Store,
  systemRuntime,
  unitsOf,
} from "../../src/index.ts";
import { oracleDifferences } from "../oracle/compare.ts";
import { Oracle } from "../oracle/reader.ts";
import { folderOf, objectsOf, storeAt } from "./where.ts";

/** Bytes that the oracle hashes again in one opening: pure JavaScript does about 10 MB a second. */
const ORACLE_BUDGET = 1 << 20;

/** The oracle finds the snapshot, its units' counts and every page, and its claim ended. */
function witness(
  folder: string,
  secret: ConstructorParameters<typeof Oracle>[1],
  made: Snapshot,
): void {
  const oracle = new Oracle(folder, secret, ORACLE_BUDGET);
  const found = oracle.snapshots.find((s) => s.id === hex(made.id));
  const walked = found?.sections.flatMap((section) =>
    section.units.map(({ root }) => {
      const rows = [...oracle.walk(root)];
      return { entries: rows.length, files: rows.filter(({ entry }) => entry.kind === 0).length };
    }),
  );
  expect(walked).toEqual(unitsOf(made).map(({ entries, files }) => ({ entries, files })));
  expect(oracle.claims.get(hex(made.claim))).toBe(true);
}

/** `judged`: by the independent reader, which is slow with much. */
export async function fixture(
  folder: string,
  store: Store = storeAt(join(folder, "repo")),
  judged = true,
) {
  const secret = { kind: "keyfile", bytes: randomBytes(32) } as const;
  const events: HoldallEvent[] = [];
  const runtime = systemRuntime({ emit: (event) => events.push(event) });
  const made = await init(runtime, store, secret);
  const open = () => openRepository(store, secret, runtime);
  return {
    secret,
    runtime,
    store,
    objects: objectsOf(store),
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
      const result = await backup(runtime, repository, full);
      const lying = judged && !full.dryRun ? await folderOf(store) : null;
      if (lying !== null) witness(lying, secret, result.snapshot);
      return result;
    },
    async bring(
      snapshot: Parameters<typeof restore>[2],
      path: string,
      target: string,
      options: { delete?: boolean } = {},
    ) {
      const repository = await open();
      const result = await restore(runtime, repository, snapshot, {
        path: Buffer.from(path),
        target,
        workers: 2,
        ...options,
      });
      const lying = judged && result.troubles === 0 ? await folderOf(store) : null;
      if (lying !== null) {
        const oracle = new Oracle(lying, secret, ORACLE_BUDGET);
        const id = hex(snapshot.id);
        expect(oracleDifferences(oracle, id, Buffer.from(path), target)).toEqual([]);
      }
      return result;
    },
  };
}
