/** Where the saved paths of an instance lie below another root: a pure function. */
import { Failure } from "../base/failure.ts";
import { isWithin } from "../base/path.ts";
import type { Instance, Service, StateUnit } from "./descriptor.ts";
import { Claims } from "./glob.ts";

/** One saved path and the unit of the target that claims it. */
export interface Moved {
  readonly unit: StateUnit;
  readonly context: string;
  /** Relative to both roots. */
  readonly path: string;
}

export interface Move {
  /** Root of the instance that was saved. */
  readonly from: string;
  readonly moved: readonly Moved[];
  /** Saved paths outside that root: they stay where they are in the snapshot. */
  readonly outside: readonly string[];
}

/** Folders below which a path may be what the target calls by a relative path. */
function rootsOf(path: string, claims: Claims): string[] {
  const cuts = [...path.matchAll(/\//g)].map(({ index }) => index).filter((at) => at > 0);
  return cuts
    .filter((at) => claims.at(path.slice(at + 1), []).length > 0)
    .map((at) => path.slice(0, at));
}

/**
 * The root that the saved paths have in common, by what the target's descriptors call them.
 *
 * Paths are absolute. Fails with `descriptor` when the target has no unit for one of them, or when
 * two units of the target would have it.
 */
export function planMove(paths: readonly string[], target: Instance): Move {
  const claims = new Claims(target.services.flatMap(({ units }) => units));
  const outside = paths.filter((path) => claims.at(path, []).length > 0);
  const inside = paths.filter((path) => !outside.includes(path));
  const votes = new Map<string, number>();
  for (const root of inside.flatMap((path) => rootsOf(path, claims))) {
    votes.set(root, (votes.get(root) ?? 0) + 1);
  }
  const best = [...votes].sort((a, b) => b[1] - a[1] || a[0].length - b[0].length)[0];
  const from = best?.[0] ?? "";
  const moved = inside.map((path): Moved => {
    const relative = path.slice(from.length + 1);
    const found = best && isWithin(path, from) ? claims.at(relative, []) : [];
    const [claim, other] = found;
    if (claim === undefined) {
      const message = `${path} was saved, and no unit of ${target.root} claims it there`;
      throw new Failure("descriptor", message);
    }
    if (other !== undefined) throw new Failure("descriptor", `${relative} is of two units`);
    return { unit: claim.unit, context: claim.context, path: relative };
  });
  return { from, moved, outside };
}

/** Services with everything before them that they need. Fails with `descriptor` on a circle. */
export function startOrder(services: readonly Service[]): Service[] {
  const order: Service[] = [];
  const visit = (service: Service, above: readonly Service[]) => {
    if (order.includes(service)) return;
    if (above.includes(service)) {
      throw new Failure("descriptor", `${service.name} depends on itself`);
    }
    for (const name of service.dependsOn) {
      const needed = services.find((s) => s.name === name);
      if (needed !== undefined) visit(needed, [...above, service]);
    }
    order.push(service);
  };
  for (const service of services) visit(service, []);
  return order;
}
