/** What snapshots need, marked in an index; and rules of packs, applied to one after the other. */
import { Failure } from "../base/failure.ts";
import type { Unit } from "../format/snapshot.ts";
import type { Index } from "../seam/native.ts";
import type { View } from "./protocol/rules.ts";
import type { Repository } from "./repository.ts";

/** What was reached: `lacking` lies in no trusted pack, `lost` in none at all. */
export interface Marked {
  readonly chunks: number;
  readonly bytes: number;
  readonly lacking: number;
  readonly lost: number;
  /** The id of a chunk that is lost, in hexadecimal. */
  readonly example: string;
}

/** Marks all that units lead to; what was marked before stays so. */
export function mark(
  repository: Repository,
  index: Index,
  units: readonly Unit[],
): Promise<Marked> {
  const roots = units.map(({ root }) => root);
  const hints = units.flatMap((unit) => (unit.hints === null ? [] : [unit.hints]));
  return repository.run<Marked>(index, { verb: "mark", workers: 1, roots, hints });
}

/** The same for who removes: fails with `missing_object` when something is lost already. */
export async function markWhole(
  repository: Repository,
  index: Index,
  units: readonly Unit[],
): Promise<void> {
  const { lost, example } = await mark(repository, index, units);
  if (lost === 0) return;
  const message = `${lost} chunks that snapshots need are in no pack (${example.slice(0, 16)}); nothing is removed`;
  throw new Failure("missing_object", message);
}

/** A rule of packs by names: what it needs of the view is only whether each pack is in it. */
export function byPack(
  view: View,
  rule: (view: View, pack: string) => boolean,
): (pack: string) => boolean {
  const [packs, condemned] = [new Set(view.packs), new Set(view.condemned)];
  const only = (set: ReadonlySet<string>, pack: string) => (set.has(pack) ? [pack] : []);
  return (pack) => rule({ packs: only(packs, pack), condemned: only(condemned, pack) }, pack);
}
