/** The inventory of an instance: a pure function of what was gathered. */
import type { Across, Engine, Inside, UnitClass } from "../base/state.ts";
import type { FreezerKind } from "../freeze/freezer.ts";
import { type Level, worst } from "../freeze/level.ts";
import type { Separation, Service, StateUnit } from "./descriptor.ts";
import {
  type Facts,
  type Holding,
  holdingKey,
  type Opener,
  type Place,
  type Rest,
} from "./facts.ts";
import { freezerOf, pauseOf, type Reachable, reachable } from "./levels.ts";

/** One unit for one context. Sizes in bytes, times in milliseconds, dates since 1970. */
export interface InventoryRow {
  readonly service: string;
  readonly unit: string;
  readonly context: string;
  readonly engine: Engine;
  readonly class: UnitClass;
  readonly separation: Separation;
  readonly source: "truth" | "derived" | "none";
  readonly origin: Service["origin"];
  readonly inside: Inside;
  readonly across: Across;
  /** Why it is no better. */
  readonly why: string;
  readonly raise: readonly string[];
  /** Its engine can copy it while it runs. */
  readonly captured: boolean;
  readonly places: readonly (Place & { readonly freezer: FreezerKind })[];
  readonly files: number;
  readonly bytes: number;
  /** Since the inventory before; null when this is the first that has it. */
  readonly growth: number | null;
  readonly newest: number;
  readonly openBy: readonly Opener[];
  readonly rebuild: string;
  readonly pause: number;
  readonly note: string;
}

/** A unit of which nothing is there. */
export interface Absent {
  readonly service: string;
  readonly unit: string;
  readonly paths: readonly string[];
  /** Without it the descriptor is wrong. */
  readonly optional: boolean;
  readonly declared: string;
}

export interface Inventory extends Rest {
  readonly instance: string;
  readonly root: string;
  readonly rows: readonly InventoryRow[];
  readonly absent: readonly Absent[];
  /** When the inventory before was made; null: this is the first. */
  readonly since: number | null;
  /** Engines stand in order, services from the edge inward. */
  readonly pause: number;
  readonly worst: Level;
}

const SOURCE: Readonly<Record<UnitClass, InventoryRow["source"]>> = {
  authoritative: "truth",
  secret: "truth",
  "derived-costly": "derived",
  "derived-cheap": "derived",
  cache: "derived",
  ephemeral: "none",
};

/** Classes that are saved; the others are made again, or are nothing. */
export const isSaved = (unit: Pick<StateUnit, "class">): boolean =>
  ["authoritative", "secret", "derived-costly"].includes(unit.class);

function rebuildOf({ rebuild, class: worth, service }: StateUnit): string {
  if (SOURCE[worth] !== "derived") return "";
  const [step] = rebuild?.steps ?? [];
  if (step === undefined) return worth === "cache" ? "fills again by itself" : "not declared";
  if (step.kind === "command") return step.command.join(" ");
  return step.kind === "rpc" ? `${service}: ${step.method}` : `${service}: ${step.kind}`;
}

function rowOf(holding: Holding, service: Service, facts: Facts, level: Reachable): InventoryRow {
  const { unit, context, files, bytes, newest, openBy } = holding;
  const freezers = [...new Set(holding.places.map(({ type }) => freezerOf(type)))];
  const before = facts.before[holdingKey(holding)];
  const growth = before === undefined ? null : bytes - before;
  return {
    service: service.name,
    unit: unit.id,
    context,
    engine: unit.engine,
    class: unit.class,
    separation: unit.separation,
    source: SOURCE[unit.class],
    origin: service.origin,
    ...level,
    places: holding.places.map((place) => ({ ...place, freezer: freezerOf(place.type) })),
    files,
    bytes,
    growth,
    newest,
    openBy,
    rebuild: rebuildOf(unit),
    pause: pauseOf(unit, freezers, files, growth ?? bytes),
    note: unit.note,
  };
}

function absentOf(unit: StateUnit): Absent {
  const { service, id, paths, optional, declared } = unit;
  const where = declared.line === 0 ? declared.file : `${declared.file}:${declared.line}`;
  return { service, unit: id, paths, optional, declared: where };
}

/** What is where, whose, worth what. */
export function planInventory(facts: Facts): Inventory {
  const { instance, holdings } = facts;
  const units = instance.services.flatMap((service) => service.units);
  const levels = reachable(facts, true);
  const rows = instance.services.flatMap((service) =>
    service.units.flatMap((unit) =>
      holdings
        .filter((holding) => holding.unit === unit)
        .sort((a, b) => (a.context < b.context ? -1 : 1))
        .flatMap((holding) => {
          const level = levels.get(holdingKey(holding));
          return level === undefined ? [] : [rowOf(holding, service, facts, level)];
        }),
    ),
  );
  const saved = rows.filter(isSaved);
  return {
    instance: instance.name,
    root: instance.root,
    rows,
    absent: units.filter((unit) => !holdings.some((h) => h.unit === unit)).map(absentOf),
    unclaimed: facts.unclaimed,
    doubled: facts.doubled,
    leftOut: facts.leftOut,
    sockets: facts.sockets,
    troubles: facts.troubles,
    outside: facts.outside,
    since: facts.beforeAt,
    // Units of one service share its stop; this is the most that one can see.
    pause: saved.reduce((ms, row) => ms + row.pause, 0),
    worst: worst(saved) ?? { inside: "unknown", across: "none", why: "there is nothing to save" },
  };
}
