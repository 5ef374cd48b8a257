/**
 * Units that their engines copy while they run, in place of what would be read or was cut of them.
 *
 * Commit point: none; the copies are only read, and are gone when they are disposed of. What a
 * killed run left, the next one takes away.
 */
import { toBytes, toText } from "../base/bytes.ts";
import type { Runtime } from "../base/runtime.ts";
import { unitId } from "../base/state.ts";
import { capture } from "../capture/capture.ts";
import { memberOf } from "../freeze/instance.ts";
import type { Facts } from "../instance/facts.ts";
import type { Choice } from "../instance/select.ts";
import type { UnitPlan } from "../repo/saving.ts";

export interface Copied extends AsyncDisposable {
  readonly units: readonly UnitPlan[];
}

/**
 * Has engines copy the units of these ids, and plans to read the copies; `units` are those chosen,
 * in their order. Of a copy B and S are unknown, F is when it began, and T when it was done. Fails
 * with `not_captured`.
 */
export async function captureUnits(
  runtime: Runtime,
  facts: Facts,
  { taken }: Choice,
  ids: ReadonlySet<string>,
  units: readonly UnitPlan[],
): Promise<Copied> {
  const { root } = facts.instance;
  const wanted = taken.filter(({ holding }) => ids.has(unitId(holding.unit)));
  if (wanted.length === 0) return { units, [Symbol.asyncDispose]: async () => undefined };
  const members = wanted.map(({ holding }) => memberOf(root, holding));
  const copies = await capture(runtime, root, members);
  const copied = new Map(wanted.map((one, at) => [one, copies.units[at]]));
  const read = units.map((plan, at): UnitPlan => {
    const one = taken[at];
    const copy = one && copied.get(one);
    if (copy === undefined) return plan;
    return {
      ...plan,
      paths: plan.paths.filter((path) => copy.paths.includes(toText(path))),
      views: copy.folders.map((f) => ({ path: toBytes(f.path), view: toBytes(f.view) })),
      cut: [null, copy.began, null, copy.ended],
    };
  });
  return { units: read, [Symbol.asyncDispose]: () => copies[Symbol.asyncDispose]() };
}
