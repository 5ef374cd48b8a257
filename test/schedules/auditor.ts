/**
 * Compares a store with what was promised. It looks at one moment, with calls that are not
 * scheduled and a keyring of its own.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  backup,
  check,
  forget,
  hex,
  openMemoryStore,
  openRepository,
  prune,
  type Repository,
  type Runtime,
  restore,
  type Secret,
  type Snapshot,
} from "../../src/index.ts";
import type { Ledger } from "./ledger.ts";
import { difference, SOURCE } from "./source.ts";
import { savesOf, tagOf } from "./tasks.ts";

type Objects = ReadonlyMap<string, Buffer>;

export interface Auditor {
  /** Every promise, one by one; throws at the first that is broken. */
  audit(objects: Map<string, Buffer>, ledger: Ledger): Promise<void>;
  /** When nobody is left: space comes back, all there is restores, and check finds nothing. */
  settle(objects: Map<string, Buffer>, ledger: Ledger): Promise<void>;
}

const maskOf = (s: Snapshot) => Number(/^holds (\d+)$/.exec(s.section.tags[0] ?? "")?.[1]);

function bytesOfPacks(objects: Objects): number {
  return [...objects].reduce((n, [name, { length }]) => n + (/^packs/.test(name) ? length : 0), 0);
}

type Open = (objects: Map<string, Buffer>) => Promise<Repository>;

/** Stored bytes of a snapshot that is alone in its repository. */
function sizes(runtime: Runtime, open: Open, empty: Objects): (mask: number) => Promise<number> {
  const known = new Map<number, number>();
  return async (mask) => {
    const before = known.get(mask);
    if (before !== undefined) return before;
    const objects = new Map(empty);
    await backup(runtime, await open(objects), savesOf(mask, "a"));
    const bytes = bytesOfPacks(objects);
    known.set(mask, bytes);
    return bytes;
  };
}

/** `empty` is a repository in which nothing was saved yet. */
export function auditor(folder: string, secret: Secret, runtime: Runtime, empty: Objects): Auditor {
  const out = join(folder, "out");
  const open: Open = (objects) => openRepository(openMemoryStore(objects), secret, runtime);
  const alone = sizes(runtime, open, empty);

  const bring = async (repository: Repository, snapshot: Snapshot): Promise<string | null> => {
    const options = { path: Buffer.from(SOURCE), target: out, workers: 1 };
    try {
      const { troubles } = await restore(runtime, repository, snapshot, options);
      if (troubles > 0) return `${troubles} files could not be restored`;
      return difference(out, maskOf(snapshot));
    } catch (error) {
      return `restore: ${(error as Error).message}`;
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  };

  const audit = async (repository: Repository, ledger: Ledger): Promise<Snapshot[]> => {
    const { snapshots, unreadable } = await repository.snapshots();
    if (unreadable.length > 0) throw new Error(`unreadable: ${unreadable[0]?.reason}`);
    const here = new Map(snapshots.map((s) => [hex(s.id), s]));
    for (const { id, mask } of ledger.kept()) {
      const snapshot = here.get(id);
      if (snapshot === undefined) throw new Error(`acknowledged snapshot ${id} is gone`);
      if (maskOf(snapshot) !== mask) throw new Error(`${id} does not say ${tagOf(mask)}`);
      const wrong = await bring(repository, snapshot);
      if (wrong !== null) throw new Error(`acknowledged snapshot ${id}: ${wrong}`);
    }
    return snapshots;
  };

  const reclaimed = async (objects: Map<string, Buffer>, snapshots: Snapshot[]): Promise<void> => {
    const left = [...objects.keys()].filter((name) => /^condemned/.test(name));
    if (left.length > 0) throw new Error(`${left.length} condemned lists are left`);
    const again = await prune(runtime, await open(objects), { maxUnused: 0, dryRun: true });
    if (again.plan.packs.length > 0)
      throw new Error(`a third prune would find ${JSON.stringify(again.plan)}`);
    let needed = 0;
    for (const snapshot of snapshots) needed += await alone(maskOf(snapshot));
    const stored = bytesOfPacks(objects);
    // What is shared with others, or was copied, lies in more packs than what is saved at once.
    if (stored > 2.5 * needed) throw new Error(`${stored} bytes are stored for ${needed}`);
  };

  /**
   * Somebody new is acknowledged at once, whatever the dead left; and is forgotten, so that the
   * prunes that follow have a list to sweep, and settle the claims of the dead.
   */
  const newcomer = async (objects: Map<string, Buffer>): Promise<void> => {
    const repository = await open(objects);
    const { snapshot } = await backup(runtime, repository, savesOf(1, "new"));
    await forget(runtime, repository, { snapshots: [hex(snapshot.id)] });
  };

  return {
    audit: async (objects, ledger) => void (await audit(await open(objects), ledger)),
    async settle(objects, ledger) {
      await newcomer(objects);
      const options = { maxUnused: 0, wait: 0, fenceAfter: 0 };
      for (let i = 0; i < 2; i++) await prune(runtime, await open(objects), options);
      const repository = await open(objects);
      const snapshots = await audit(repository, ledger);
      const promised = new Set(ledger.kept().map(({ id }) => id));
      for (const snapshot of snapshots.filter((s) => !promised.has(hex(s.id)))) {
        const wrong = await bring(repository, snapshot);
        if (wrong !== null) throw new Error(`snapshot ${hex(snapshot.id)}: ${wrong}`);
      }
      for (const { host } of ledger.promised.values()) {
        if (ledger.named.has(host) || snapshots.some((s) => s.host === host)) continue;
        throw new Error(`retention emptied the group of ${host}`);
      }
      const { problems } = await check(runtime, repository, { read: 0 });
      const [first] = problems;
      if (first) throw new Error(`check: ${first.object}: ${first.message}`);
      await reclaimed(objects, snapshots);
    },
  };
}
