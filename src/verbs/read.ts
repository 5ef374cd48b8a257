/** Looking into snapshots: `ls`, `find`, `diff`, `cat`, `dump`. None of them changes anything. */
import { pathFields } from "../base/bytes.ts";
import { toFailure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { Repository } from "../repo/repository.ts";
import { rootsOf, unitsOf } from "../repo/units.ts";
import type { JobSpec } from "../seam/native.ts";

const KINDS = ["file", "dir", "symlink", "char", "block", "fifo", "socket", "unknown"] as const;

/** One entry of a snapshot, or one difference. */
export interface Row {
  readonly path: Buffer;
  readonly kind: (typeof KINDS)[number];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970 and nanoseconds. */
  readonly mtime: readonly [number, number];
  readonly size: number;
  readonly target: Buffer | null;
  /** `+` added, `-` removed, `C` content, `M` metadata; empty in a listing. */
  readonly mark: string;
  /** A folder that may hold more than is listed: a restore deletes nothing in it. */
  readonly keeps: boolean;
}

export type OnRow = (row: Row) => void;

type Raw = [
  Buffer,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  Buffer | null,
  string,
  number,
];

/** Reads a job's batches of rows. What decodes them is loaded only by verbs that list. */
async function rows(onRow: OnRow): Promise<(bytes: Buffer) => void> {
  const { unpack } = await import("msgpackr");
  return (bytes) => tell(unpack(bytes) as Raw[], onRow);
}

function tell(batch: readonly Raw[], onRow: OnRow): void {
  for (const raw of batch) {
    const [path, kind, mode, uid, gid, s, ns, size, target, mark, keeps] = raw;
    onRow({
      path,
      kind: KINDS[kind] ?? "unknown",
      mode,
      uid,
      gid,
      mtime: [Number(s), ns],
      size: Number(size),
      target,
      mark,
      keeps: keeps === 1,
    });
  }
}

/** Runs a job that lists; once it has told a row it is not begun again. */
async function told(repository: Repository, spec: JobSpec, onRow: OnRow): Promise<void> {
  let count = 0;
  const counted = (row: Row) => {
    count++;
    onRow(row);
  };
  const read = await rows(counted);
  const failed = await repository.reading(async (index) => {
    try {
      await repository.run(index, spec, { rows: read });
      return { result: null, missed: false };
    } catch (error) {
      if (count > 0) return { result: toFailure(error), missed: false };
      throw error;
    }
  });
  if (failed !== null) throw failed;
}

/** One folder of a snapshot, or all below it, row by row; fails with `no_entry`. */
export async function list(
  repository: Repository,
  snapshot: Snapshot,
  path: Buffer,
  recurse: boolean,
  onRow: OnRow,
): Promise<void> {
  const spec: JobSpec = { verb: "list", roots: rootsOf(snapshot), path, recurse, workers: 1 };
  await told(repository, spec, onRow);
}

/** What `newer` added, removed or changed since `older`; only pages that differ are read. */
export async function diff(
  repository: Repository,
  older: Snapshot,
  newer: Snapshot,
  onRow: OnRow,
): Promise<void> {
  const [roots, others] = [rootsOf(older), rootsOf(newer)];
  const spec: JobSpec = { verb: "diff", roots, others, workers: 1 };
  await told(repository, spec, onRow);
}

/** A snapshot against the folder as it is now; reads what may have changed. */
export async function diffFolder(
  runtime: Runtime,
  repository: Repository,
  snapshot: Snapshot,
  path: Buffer,
  workers: number,
  onRow: OnRow,
): Promise<void> {
  const { index } = await repository.index();
  const roots = rootsOf(snapshot);
  // What the largest unit knows need not be read again.
  const [{ root, hints } = { root: undefined, hints: null }] = unitsOf(snapshot).sort(
    (a, b) => b.bytes - a.bytes,
  );
  const parent = {
    ...(root === undefined ? {} : { parentRoot: root }),
    ...(hints === null ? {} : { parentHints: hints }),
  };
  const spec: JobSpec = { verb: "compare", roots, path, paths: [path], workers, ...parent };
  await repository.run(index, spec, {
    rows: await rows(onRow),
    trouble: (p, message) => runtime.emit({ event: "trouble", ...pathFields(p), message }),
  });
}

/** Writes one file (`cat`) or a folder as tar (`dump`) to standard output, from the native core. */
export async function output(
  repository: Repository,
  snapshot: Snapshot,
  verb: "cat" | "dump",
  path: Buffer,
): Promise<void> {
  const { index } = await repository.index();
  await repository.run(index, { verb, roots: rootsOf(snapshot), path, workers: 1 });
}
