/**
 * What was promised, and whether it holds: snapshots that a backup acknowledged and nobody asked to
 * forget. It looks at the store at one moment, without being scheduled, with a keyring of its own.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  check,
  hex,
  openMemoryStore,
  openRepository,
  type Repository,
  type Runtime,
  restore,
  type Secret,
  type Snapshot,
} from "../../src/index.ts";
import { difference, SOURCE } from "./source.ts";
import type { Shelf } from "./store.ts";

export interface Promised {
  readonly id: string;
  readonly mask: number;
  /** Somebody was asked to forget it, and may have done so. */
  mayGo: boolean;
}

export interface Ledger {
  readonly promised: Map<string, Promised>;
}

/** The tag by which a snapshot tells what it holds, acknowledged or not. */
export const tagOf = (mask: number) => `holds ${mask}`;
const maskOf = (s: Snapshot) => Number(/^holds (\d+)$/.exec(s.section.tags[0] ?? "")?.[1]);

export interface Auditor {
  /** Every promise, one by one; throws at the first that is broken. */
  audit(shelf: Shelf, ledger: Ledger): Promise<void>;
  /** As above, and that the whole repository is in order. */
  check(shelf: Shelf, ledger: Ledger): Promise<void>;
}

export function auditor(folder: string, secret: Secret, runtime: Runtime): Auditor {
  const out = join(folder, "out");
  const open = ({ objects }: Shelf) => openRepository(openMemoryStore(objects), secret, runtime);
  const bring = async (repository: Repository, snapshot: Snapshot) => {
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
  const audit = async (repository: Repository, ledger: Ledger) => {
    const { snapshots, unreadable } = await repository.snapshots();
    if (unreadable.length > 0) throw new Error(`unreadable: ${unreadable[0]?.reason}`);
    const here = new Map(snapshots.map((s) => [hex(s.id), s]));
    for (const { id, mayGo, mask } of ledger.promised.values()) {
      if (mayGo) continue;
      const snapshot = here.get(id);
      if (snapshot === undefined) throw new Error(`acknowledged snapshot ${id} is gone`);
      if (maskOf(snapshot) !== mask) throw new Error(`${id} does not say that it holds ${mask}`);
      const wrong = await bring(repository, snapshot);
      if (wrong !== null) throw new Error(`acknowledged snapshot ${id}: ${wrong}`);
    }
  };
  return {
    audit: async (shelf, ledger) => audit(await open(shelf), ledger),
    async check(shelf, ledger) {
      const repository = await open(shelf);
      await audit(repository, ledger);
      const { problems } = await check(runtime, repository, { read: 0 });
      const [first] = problems;
      if (first) throw new Error(`check: ${first.object}: ${first.message}`);
    },
  };
}
