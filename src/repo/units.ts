/** What a snapshot of several sections and units holds as a whole. */
import { Failure } from "../base/failure.ts";
import type { Section, Snapshot, Unit } from "../format/snapshot.ts";

/** All parts of a snapshot that open. */
export const sectionsOf = ({ section, more }: Snapshot): Section[] => [section, ...more];

/** All units of all parts that open. */
export const unitsOf = (snapshot: Snapshot): Unit[] =>
  sectionsOf(snapshot).flatMap((section) => section.units);

/** Roots of all manifests; together they are one tree. Fails with `damaged` when there is none. */
export function rootsOf(snapshot: Snapshot): Buffer[] {
  const roots = unitsOf(snapshot).map((unit) => unit.root);
  if (roots.length === 0) throw new Failure("damaged", "the snapshot has no manifest");
  return roots;
}

/** Whether two snapshots are of the same paths, in the same order. */
export const samePaths = (a: readonly Buffer[], b: readonly Buffer[]): boolean =>
  a.length === b.length && a.every((path, i) => b[i]?.equals(path));

/** A number of each unit, summed. */
export const total = (snapshot: Snapshot, of: "entries" | "files" | "bytes"): number =>
  unitsOf(snapshot).reduce((sum, unit) => sum + unit[of], 0);
