/**
 * What a snapshot of a unit is worth, and what would make it worth more: pure functions of the
 * engine, its descriptor, the file system's freezer, and what this run may do (`engines.md`).
 */
import { ACROSS, type Across, type Engine, INSIDE, type Inside } from "../base/state.ts";
import type { Service, StateUnit, Step } from "./descriptor.ts";
import { crashSafeOf } from "./engines.ts";
import type { Holding, Powers } from "./facts.ts";

/** How a source is made to stand still while it is read. */
export type FreezerKind = "btrfs" | "reflink" | "copy";

/** Freezers by type of file system; every other is copied while it stands. */
const FREEZERS: Readonly<Record<string, FreezerKind>> = { btrfs: "btrfs", xfs: "reflink" };

export const freezerOf = (type: string): FreezerKind => FREEZERS[type] ?? "copy";

export interface Levels {
  readonly inside: Inside;
  readonly across: Across;
  /** What would raise them, best first. */
  readonly raise: readonly string[];
}

export interface Standing {
  readonly unit: StateUnit;
  readonly service: Service;
  readonly openBy: Holding["openBy"];
  readonly freezers: readonly FreezerKind[];
  readonly powers: Powers;
  /** Engines that can be saved by their own means. */
  readonly captures: readonly Engine[];
  /** Whether the services are made to stand still. */
  readonly pause: boolean;
}

/** Whether the descriptor tells how to find the processes of a service. */
export const isFindable = ({ processes }: Service): boolean =>
  Object.entries(processes).some(([key, value]) => key !== "executable" && value !== null);

/** What keeps the services of a unit from standing still; empty when nothing does. */
function obstacles({ service, powers, openBy }: Standing): string[] {
  const busy = openBy.some(({ how }) => how !== "reads");
  return [
    ...(powers.supervisor ? [] : ["start the supervisor: it does not answer"]),
    ...(powers.privileged ? [] : ["run as root: processes of others cannot be stopped"]),
    ...(busy && !isFindable(service) ? ["declare how its processes are found"] : []),
  ];
}

/** What stands still is worth what its engine has handed to the file system by then. */
function still(unit: StateUnit, openBy: Standing["openBy"]): Inside {
  const safe = crashSafeOf(unit);
  if (safe === "no")
    return unit.flush !== null || unit.drain !== null ? "process-crash" : "unknown";
  if (safe !== null) return "process-crash";
  // Nobody writes it: there is nothing that is not in the file system.
  return openBy.some(({ how }) => how !== "reads") ? "unknown" : "process-crash";
}

/** Read while it may change: a snapshot of the file system is one moment, anything else is none. */
function running({ unit, freezers, captures }: Standing): Inside {
  if (captures.includes(unit.engine)) return "native";
  const one = freezers.length === 1 && freezers[0] !== "copy";
  return one && crashSafeOf(unit) === "power" ? "power-crash" : "unknown";
}

const better = (a: Inside, b: Inside): Inside => (INSIDE.indexOf(a) >= INSIDE.indexOf(b) ? a : b);

/** Both levels that are reachable now. */
export function levelsOf(standing: Standing): Levels {
  const { unit, service, openBy, captures, pause } = standing;
  const hindered = obstacles(standing);
  const stands = pause && hindered.length === 0;
  const inside = stands
    ? better(still(unit, openBy), captures.includes(unit.engine) ? "native" : "unknown")
    : running(standing);
  const safe = crashSafeOf(unit);
  const raise = [
    ...(pause ? hindered : ["let the services pause"]),
    ...(safe === null && inside === "unknown" ? ["declare crash-safe"] : []),
    ...(safe === "no" && unit.flush === null && unit.drain === null
      ? ["declare a flush or a drain"]
      : []),
    ...(service.stop?.exit != null && service.start !== null
      ? ["stop it cleanly for the cut (clean-stop)"]
      : []),
  ];
  return { inside, across: stands ? "one moment" : "none", raise };
}

/** The worst of several: that of units that are cut together, and of a snapshot. */
export function worst(levels: readonly Pick<Levels, "inside" | "across">[]) {
  const least = <T>(words: readonly T[], of: readonly T[]): T | undefined =>
    words.find((word) => of.includes(word));
  return {
    inside:
      least(
        INSIDE,
        levels.map((l) => l.inside),
      ) ?? INSIDE[0],
    across:
      least(
        ACROSS,
        levels.map((l) => l.across),
      ) ?? ACROSS[0],
  };
}

/** Milliseconds, as measured on a small machine; they only say what to expect. */
const STOP = 5;
const SNAPSHOT: Readonly<Record<FreezerKind, number>> = { btrfs: 5, reflink: 5, copy: 20 };
const PER_FILE: Readonly<Record<FreezerKind, number>> = { btrfs: 0, reflink: 0.05, copy: 0.02 };
/** Bytes a millisecond that a copy reads again. */
const COPY_SPEED = 200_000;

const waits = (steps: readonly Step[]) =>
  steps.reduce((ms, step) => ms + (step.kind === "wait" ? step.milliseconds : 10), 0);

/**
 * How long a unit keeps its service standing: stopping it, its flush or drain, and the snapshot; a
 * copy also reads again what grew since the last look.
 */
export function pauseOf(
  unit: StateUnit,
  freezers: readonly FreezerKind[],
  files: number,
  grown: number,
): number {
  const cut = freezers.reduce((ms, kind) => {
    const again = kind === "copy" ? Math.max(0, grown) / COPY_SPEED : 0;
    return ms + SNAPSHOT[kind] + PER_FILE[kind] * files + again;
  }, 0);
  const flush = unit.flush === null ? 0 : waits(unit.flush.steps);
  return Math.round(STOP + flush + (unit.drain?.steady ?? 0) + cut);
}
