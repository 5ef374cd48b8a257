/**
 * What is where in an instance, and what a backup of it would take. Changes nothing but the local
 * cache, which remembers sizes for the next time.
 */
import { toBytes } from "../base/bytes.ts";
import { below } from "../base/path.ts";
import type { Runtime } from "../base/runtime.ts";
import { unitId } from "../base/state.ts";
import { RULES } from "../format/section.ts";
import { type Least, refuseBelow } from "../freeze/level.ts";
import { capturable, separable } from "../instance/captures.ts";
import { type Facts, holdingKey } from "../instance/facts.ts";
import { type GatherOptions, gather } from "../instance/gather.ts";
import { type Inventory, planInventory } from "../instance/inventory.ts";
import { reachable } from "../instance/levels.ts";
import { loadInstance } from "../instance/load.ts";
import { type Choice, choose, refuseMisfit, type Selection } from "../instance/select.ts";
import type { UnitPlan } from "../repo/saving.ts";

/**
 * Looks at the instance below a folder. Fails with `descriptor` when a descriptor is wrong; what
 * does not fit is in the result: `misfit` says it in one line.
 */
export async function inventory(
  runtime: Runtime,
  root: string,
  options: GatherOptions = {},
): Promise<{ inventory: Inventory; facts: Facts; misfit: unknown }> {
  const facts = await gather(runtime, await loadInstance(root), options);
  const found = planInventory(facts);
  let misfit: unknown = null;
  try {
    refuseMisfit(facts);
  } catch (error) {
    misfit = error;
  }
  return { inventory: found, facts, misfit };
}

/** A gitignore pattern that means this one path. */
function exactly(path: string): string {
  return path
    .replace(/[\\*?[\]!#]/g, "\\$&")
    .replace(/[\udc80-\udcff]/g, "?")
    .replace(/ $/, "\\ ");
}

/**
 * Ids of the chosen units that their engines can copy while they run: all of them, and those that
 * lose nothing by being copied apart from the others.
 */
export function captures({ taken }: Choice): { all: Set<string>; apart: Set<string> } {
  const units = [...new Set(taken.map(({ holding }) => holding.unit))];
  return { all: capturable(units), apart: separable(units) };
}

/**
 * What is chosen as the plans of a backup that lets everything run: copied by its engine, or read
 * while it may change. Fails with `below_required` when that is less than what is required.
 */
export function livePlans(facts: Facts, { taken }: Choice, require?: Least): UnitPlan[] {
  const { root } = facts.instance;
  const levels = reachable(facts, false);
  const keys = new Set(taken.map(({ holding }) => holdingKey(holding)));
  refuseBelow(new Map([...levels].filter(([key]) => keys.has(key))), require);
  return taken.flatMap(({ holding, holes }) => {
    const { unit, context, tops } = holding;
    const level = levels.get(holdingKey(holding));
    if (level === undefined) return [];
    const patterns = holes.map(({ path, why }) => ({ value: exactly(below(root, path)), why }));
    return {
      id: unitId(unit),
      context,
      class: unit.class,
      engine: unit.engine,
      schema: unit.schema?.name ?? "",
      paths: tops.map((top) => toBytes(below(root, top))),
      exclude: patterns.map(({ value }) => value),
      noSockets: true,
      rules: [
        ...patterns.map(({ value, why }) => ({
          kind: RULES.pattern,
          value: Buffer.from(value),
          reason: why,
        })),
        { kind: RULES.sockets, value: Buffer.alloc(0), reason: "sockets" },
      ],
      consistency: [level.inside, level.across],
      cut: [null, null, null, null],
    };
  });
}

export { type Choice, choose, type Selection };
