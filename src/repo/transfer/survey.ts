/** Asking the core what a destination lacks of some snapshots. Changes nothing. */
import { hex } from "../../base/bytes.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import type { Index } from "../../seam/native.ts";
import { ofObject } from "../objects.ts";
import type { Repository } from "../repository.ts";
import { unitsOf } from "../units.ts";
import type { Need } from "./plan.ts";

/** An opened repository and where its chunks are. */
export interface Place {
  readonly repository: Repository;
  readonly index: Index;
}

/** Everything that snapshots lead to: their manifests and what lies beside them. */
export function manifestsOf(snapshots: readonly Snapshot[]): Buffer[] {
  const units = snapshots.flatMap(unitsOf);
  return units.flatMap(({ root, hints }) => (hints === null ? [root] : [root, hints]));
}

type Row = [string, number, number, number, number, number, number];

/** What the destination needs for these snapshots; what lies below `known` it has. */
export async function needsOf(
  from: Place,
  to: Place,
  snapshots: readonly Snapshot[],
  known: readonly Snapshot[],
): Promise<Need[]> {
  const spec = {
    verb: "survey",
    roots: manifestsOf(snapshots),
    others: manifestsOf(known),
    workers: 1,
  } as const;
  const rows = await to.repository.transfer<Row[]>(to.index, from, spec);
  return rows.map(([pack, length, chunks, bytes, all, stored, blocks]) => ({
    pack,
    length,
    chunks,
    bytes,
    all,
    stored,
    blocks,
  }));
}

export interface Survey {
  readonly needs: readonly Need[];
  /** Ids of snapshots that cannot be copied whole, with the reason. */
  readonly broken: ReadonlyMap<string, string>;
}

/** The same for all that can be copied; those that cannot be are found one by one. */
export async function survey(
  from: Place,
  to: Place,
  snapshots: readonly Snapshot[],
  known: readonly Snapshot[],
): Promise<Survey> {
  const broken = new Map<string, string>();
  for (const { id, closed } of snapshots) {
    const [reason] = closed;
    if (reason !== undefined) broken.set(hex(id), `a section of it does not open: ${reason}`);
  }
  const whole = () => snapshots.filter((s) => !broken.has(hex(s.id)));
  try {
    return { needs: await needsOf(from, to, whole(), known), broken };
  } catch (error) {
    ofObject(error);
  }
  for (const snapshot of whole()) {
    try {
      await needsOf(from, to, [snapshot], known);
    } catch (error) {
      broken.set(hex(snapshot.id), ofObject(error).message);
    }
  }
  return { needs: await needsOf(from, to, whole(), known), broken };
}
