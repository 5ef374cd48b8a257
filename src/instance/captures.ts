/** Which units their engines copy themselves: pure functions of descriptors. */
import { unitId } from "../base/state.ts";
import { groups } from "../freeze/level.ts";
import type { StateUnit } from "./descriptor.ts";

const groupsOf = (units: readonly StateUnit[]) =>
  groups(units.map((unit) => ({ id: unitId(unit), cutWith: unit.cutWith })));

/**
 * Ids of the units whose engines can copy them. Tablespaces come with the cluster that they are cut
 * with.
 */
export function capturable(units: readonly StateUnit[]): Set<string> {
  const own = new Set(units.filter(({ capture }) => capture !== null).map(unitId));
  const clusters = units.filter((u) => u.engine === "postgres" && own.has(unitId(u)));
  const together = groupsOf(units);
  const isSpace = (unit: StateUnit) =>
    unit.engine === "postgres" &&
    clusters.some((cluster) => together.get(unitId(unit))?.has(unitId(cluster)) === true);
  return new Set(units.filter((unit) => own.has(unitId(unit)) || isSpace(unit)).map(unitId));
}

/** Those among them that leave nobody behind whom they must be cut with. */
export function separable(units: readonly StateUnit[]): Set<string> {
  const able = capturable(units);
  const together = groupsOf(units);
  const whole = (id: string) => [...(together.get(id) ?? [])].every((other) => able.has(other));
  return new Set([...able].filter(whole));
}
