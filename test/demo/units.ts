/** Every unit that operations go to, and the chains that go through them. */
import type { Chain } from "./chain.ts";
import { DAEMON_UNITS } from "./daemons.ts";
import { ENGINE_UNITS } from "./engines.ts";
import { GIT_UNIT } from "./git.ts";
import type { Context, Place } from "./place.ts";
import type { Port, Unit } from "./unit.ts";

export const UNITS: readonly Unit[] = [...ENGINE_UNITS, ...DAEMON_UNITS, GIT_UNIT];

export function unitNamed(id: string): Unit {
  const unit = UNITS.find((one) => one.id === id);
  if (unit === undefined) throw new Error(`no unit ${id}`);
  return unit;
}

export const portOf = (place: Place, unit: string, context: Context): Promise<Port> =>
  unitNamed(unit).connect(place, context);

/** Orders in which chains go through the units: engines first, edge first, and without the slow. */
const FORWARD = UNITS.map(({ id }) => id);
const QUICK = [
  "hero_collab/db",
  "hero_db/databases",
  "hero_osis/objects",
  "hero_db/databases",
].concat(["hero_secrets/db", "redis/aof", "postgres/cluster"]);

/** What must be drained is never quiet while somebody writes to it who does not stand still. */
const QUIET = "hero_osis/objects";
const without = (units: readonly string[]) => units.filter((id) => id !== QUIET);

const PLANS: readonly Chain[] = [
  { name: "inside-all", inside: true, context: "root", units: FORWARD },
  { name: "inside-back", inside: true, context: "geomind", units: [...FORWARD].reverse() },
  { name: "inside-quick", inside: true, context: "acme", units: QUICK },
  { name: "outside-all", inside: false, context: "geomind", units: without(FORWARD) },
  { name: "outside-quick", inside: false, context: "acme", units: without(QUICK).reverse() },
];

/** The chains that drivers of one place drive over the units of the services that are there. */
export function chains(inside: boolean, services: readonly string[]): Chain[] {
  const there = (id: string) => services.some((name) => id.startsWith(`${name}/`));
  return PLANS.filter((plan) => plan.inside === inside)
    .map((plan) => ({ ...plan, units: plan.units.filter(there) }))
    .filter(({ units }) => units.length > 0);
}
