/** What a cut of a unit is worth, in itself and with the others. Pure. */
import { Failure } from "../base/failure.ts";
import { ACROSS, type Across, INSIDE, type Inside } from "../base/state.ts";
import type { CrashSafe } from "../instance/descriptor.ts";
import type { FreezerKind } from "./freezer.ts";

export interface Level {
  readonly inside: Inside;
  readonly across: Across;
  readonly why: string;
}

export interface Graded {
  readonly id: string;
  readonly crashSafe: CrashSafe;
  /** A flush that is observed, or a drain. */
  readonly handedOver: boolean;
  /** Its engine copies it, at a moment of its own. */
  readonly captured?: boolean;
  /** Its service had ended before, and what it left proves that it ended cleanly. */
  readonly ended?: boolean;
  /** Ids of units that are worthless unless cut at the same moment. */
  readonly cutWith: readonly string[];
}

const worse = <T>(order: readonly T[], a: T, b: T): T =>
  order.indexOf(a) <= order.indexOf(b) ? a : b;

export const isBelow = (level: Level, inside: Inside, across: Across): boolean =>
  INSIDE.indexOf(level.inside) < INSIDE.indexOf(inside) ||
  ACROSS.indexOf(level.across) < ACROSS.indexOf(across);

/** Least levels: in itself, and with the others. */
export type Least = Pick<Level, "inside" | "across">;

/** Fails with `below_required` when a unit's level is lower than is required. */
export function refuseBelow(found: ReadonlyMap<string, Level>, least: Least | undefined): void {
  if (least === undefined) return;
  for (const [unit, level] of found) {
    if (isBelow(level, least.inside, least.across)) {
      const is = `would be ${level.inside}, ${level.across}: ${level.why}`;
      throw new Failure("below_required", `${unit} ${is}`);
    }
  }
}

export const worst = (levels: readonly Level[]): Level | undefined =>
  levels.reduce<Level | undefined>(
    (found, level) =>
      found === undefined || isBelow(level, found.inside, found.across) ? level : found,
    undefined,
  );

/** A unit alone, with everybody standing or not, on a file system that shows one moment or not. */
function alone(unit: Graded, paused: boolean, kind: FreezerKind): Level {
  if (unit.captured === true) {
    return { inside: "native", across: "none", why: "copied by its engine while it ran" };
  }
  if (!paused || kind === "live") {
    if (kind === "live" || kind === "copy") {
      return { inside: "unknown", across: "none", why: "read while it may have changed" };
    }
    if (unit.crashSafe === "power") {
      return { inside: "power-crash", across: "none", why: "nothing stood still" };
    }
    const why = "nothing stood still, and its engine does not survive a power cut";
    return { inside: "unknown", across: "none", why };
  }
  if (unit.ended === true) {
    const why = "its service had ended, and what it left proves that it ended cleanly";
    return { inside: "clean-stop", across: "one moment", why };
  }
  if (unit.crashSafe === "no" && !unit.handedOver) {
    const why = "its engine loses what it acknowledged when it is killed, and nothing drains it";
    return { inside: "unknown", across: "one moment", why };
  }
  const why = unit.handedOver ? "flushed, then stopped" : "stopped";
  return { inside: "process-crash", across: "one moment", why };
}

/** Ids of every unit with those that it must be cut with, through others, too. */
export function groups(
  units: readonly Pick<Graded, "id" | "cutWith">[],
): Map<string, ReadonlySet<string>> {
  const together = new Map<string, Set<string>>(units.map(({ id }) => [id, new Set([id])]));
  for (const { id, cutWith } of units) {
    for (const other of cutWith) {
      const group = new Set([...(together.get(id) ?? []), ...(together.get(other) ?? [])]);
      for (const member of group) together.set(member, group);
    }
  }
  return together;
}

/** Every unit's level; those that are cut together have their worst member's. */
export function levels(
  units: readonly Graded[],
  paused: boolean,
  kind: (unit: string) => FreezerKind,
): Map<string, Level> {
  const own = new Map(units.map((unit) => [unit.id, alone(unit, paused, kind(unit.id))]));
  const together = groups(units);
  const found = new Map<string, Level>();
  for (const [id, level] of own) {
    const members = [...(together.get(id) ?? [])].flatMap((m) => own.get(m) ?? []);
    const inside = members.reduce((w, m) => worse(INSIDE, w, m.inside), level.inside);
    const across = members.reduce((w, m) => worse(ACROSS, w, m.across), level.across);
    const same = inside === level.inside && across === level.across;
    const lowest = members.find((m) => m.inside === inside) ?? level;
    found.set(
      id,
      same ? level : { inside, across, why: `with what it is cut with: ${lowest.why}` },
    );
  }
  return found;
}
