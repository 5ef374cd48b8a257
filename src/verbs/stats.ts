/** How much a repository holds, and in what. Changes nothing. */
import type { Repository } from "../repo/repository.ts";

export interface Stats {
  readonly snapshots: number;
  readonly packs: number;
  readonly packBytes: number;
  readonly indexRuns: number;
  readonly indexBytes: number;
  readonly chunks: number;
  /** Sum of the sizes of all files of all snapshots. */
  readonly logicalBytes: number;
}

/** Counts and sizes of what is stored, in bytes. */
export async function stats(repository: Repository): Promise<Stats> {
  const { snapshots } = await repository.snapshots();
  const { index, packs } = await repository.index();
  const runs = await repository.list("index");
  const sum = (list: readonly { length: number }[]) => list.reduce((n, o) => n + o.length, 0);
  return {
    snapshots: snapshots.length,
    packs: packs.length,
    packBytes: sum(packs),
    indexRuns: runs.length,
    indexBytes: sum(runs),
    chunks: index.chunks,
    logicalBytes: snapshots.reduce(
      (n, s) => n + s.section.units.reduce((m, u) => m + u.bytes, 0),
      0,
    ),
  };
}
