/** How much a repository holds, and in what. Changes nothing. */
import type { HoldallEvent } from "../base/event.ts";
import type { Repository } from "../repo/repository.ts";
import { total } from "../repo/units.ts";

/** What the event of a `stats` tells. */
export type Stats = Omit<Extract<HoldallEvent, { event: "stats" }>, "event">;

/** Counts and sizes of what is stored, in bytes. */
export async function stats(repository: Repository): Promise<Stats> {
  const { snapshots } = await repository.snapshots();
  const { index, packs, runs } = await repository.index();
  const sum = (list: readonly { length: number }[]) => list.reduce((n, o) => n + o.length, 0);
  return {
    snapshots: snapshots.length,
    packs: packs.length,
    packBytes: sum(packs),
    indexRuns: runs.length,
    indexBytes: sum(runs),
    chunks: index.chunks,
    logicalBytes: snapshots.reduce((n, s) => n + total(s, "bytes"), 0),
  };
}
