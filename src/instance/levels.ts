/**
 * What a snapshot of an instance is worth, and what would make it worth more: pure functions of
 * engines, descriptors, freezers, and what this run may do (`engines.md`).
 */
import { unitId } from "../base/state.ts";
import type { FreezerKind } from "../freeze/freezer.ts";
import { type Level, levels } from "../freeze/level.ts";
import { capturable } from "./captures.ts";
import type { Service, StateUnit, Step } from "./descriptor.ts";
import { crashSafeOf, isTold } from "./engines.ts";
import { type Facts, type Holding, holdingKey } from "./facts.ts";

/** Freezers by type of file system; every other is copied while it stands. */
const KINDS: Readonly<Record<string, FreezerKind>> = { btrfs: "btrfs", xfs: "reflink" };

export const freezerOf = (type: string): FreezerKind => KINDS[type] ?? "copy";

export interface Reachable extends Level {
  /** Its engine can copy it while it runs. */
  readonly captured: boolean;
  /** What would raise it, best first. */
  readonly raise: readonly string[];
}

/** Whether the descriptor tells how to find the processes of a service. */
const isFindable = ({ processes }: Service): boolean =>
  Object.entries(processes).some(([key, value]) => key !== "executable" && value !== null);

const isWritten = ({ openBy }: Holding): boolean => openBy.some(({ how }) => how !== "reads");

/** What keeps the services of a unit from standing still; empty when nothing does. */
function hindrances(holding: Holding, service: Service, { powers }: Facts): string[] {
  return [
    ...(powers.supervisor ? [] : ["start the supervisor: it does not answer"]),
    ...(powers.privileged ? [] : ["run as root: processes of others cannot be stopped"]),
    ...(isWritten(holding) && !isFindable(service) ? ["declare how its processes are found"] : []),
  ];
}

/** What nobody says of an engine is taken for the worst, unless nobody writes the unit. */
function graded(holding: Holding, { holdings, ended }: Facts, able: ReadonlySet<string>) {
  const { unit } = holding;
  const isGrouped = ({ unit: other }: Holding) => unit.cutWith.includes(unitId(other));
  return {
    id: holdingKey(holding),
    crashSafe: crashSafeOf(unit) ?? (isWritten(holding) ? "no" : "process"),
    handedOver: unit.flush !== null || unit.drain !== null,
    captured: able.has(unitId(unit)),
    ended: ended?.has(unitId(unit)) === true,
    cutWith: holdings.filter(isGrouped).map(holdingKey),
  };
}

/** The least that the places of a unit give; over several there is no one moment by itself. */
export function kindOf({ places }: Holding): FreezerKind {
  const kinds = places.map(({ type }) => freezerOf(type));
  if (kinds.length > 1) return "copy";
  return kinds[0] ?? "live";
}

function raise(
  holding: Holding,
  pause: boolean,
  hindered: string[],
  able: boolean,
  ended: boolean,
): string[] {
  const { unit } = holding;
  const safe = crashSafeOf(unit);
  const handedOver = unit.flush !== null || unit.drain !== null;
  return [
    ...(pause ? hindered : ["let the services pause"]),
    ...(safe === null && isWritten(holding) ? ["declare crash-safe"] : []),
    ...(safe === "no" && !handedOver ? ["declare a flush or a drain"] : []),
    ...(able ? ["have its engine copy it: --native (native, none)"] : []),
    ...(isTold(unit.engine) && !ended ? ["stop its service before the backup (clean-stop)"] : []),
  ];
}

/** Both levels that each holding can reach now, by its key. */
export function reachable(facts: Facts, pause: boolean): Map<string, Reachable> {
  const { holdings, instance } = facts;
  const able = capturable(instance.services.flatMap(({ units }) => units));
  const none = new Set<string>();
  const cut = holdings.map((holding) => graded(holding, facts, none));
  const read = holdings.map((holding) => graded(holding, facts, able));
  const kinds = new Map(holdings.map((holding) => [holdingKey(holding), kindOf(holding)]));
  const kind = (id: string) => kinds.get(id) ?? "live";
  const standing = levels(cut, true, kind);
  const running = levels(read, false, kind);
  const found = new Map<string, Reachable>();
  for (const holding of holdings) {
    const service = instance.services.find(({ name }) => name === holding.unit.service);
    if (service === undefined) continue;
    const hindered = hindrances(holding, service, facts);
    const key = holdingKey(holding);
    const level = (pause && hindered.length === 0 ? standing : running).get(key);
    if (level === undefined) continue;
    const copied = able.has(unitId(holding.unit));
    const over = facts.ended?.has(unitId(holding.unit)) === true;
    const more = raise(holding, pause, hindered, copied && level.inside !== "native", over);
    found.set(key, { ...level, captured: copied, raise: more });
  }
  return found;
}

/** Milliseconds, as measured on a small machine; they only say what to expect. */
const STOP = 5;
const SNAPSHOT: Readonly<Record<FreezerKind, number>> = { btrfs: 5, reflink: 5, copy: 20, live: 0 };
const PER_FILE: Readonly<Record<FreezerKind, number>> = {
  btrfs: 0,
  reflink: 0.05,
  copy: 0.02,
  live: 0,
};
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
