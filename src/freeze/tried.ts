/** One unit is tried on a clone of its cut: it comes up, answers, and ends as it should. */
import { Failure, toFailure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Answers } from "../base/state.ts";
import type { Service, StateUnit } from "../instance/descriptor.ts";
import { answersOf, isAsked } from "./answers.ts";
import { Running } from "./enclosed.ts";
import { untilWell } from "./instance.ts";
import { act, type Scene } from "./steps/run.ts";

export { type Clone, makeClone } from "./clone.ts";
export { enclose, refuseOpen } from "./enclosed.ts";
export { sceneOf, whereIn } from "./instance.ts";

/** A unit and its service, every placeholder filled, but `{path}` in steps that are for each. */
export interface Trial {
  readonly service: Service;
  readonly unit: StateUnit;
  /** Further units that this one shows, and whose questions it answers. */
  readonly others: readonly StateUnit[];
  /** The steps once for each of `each`. */
  readonly steps: NonNullable<StateUnit["verify"]>["steps"];
  /** In the clone. */
  scene(unit: StateUnit): Scene;
}

/** Answers by unit; fails with `not_still` and what it was that did not do. */
export async function tryUnit(
  runtime: Runtime,
  { service, unit, others, steps, scene }: Trial,
): Promise<Map<StateUnit, Answers>> {
  const { start = null, timeout = 0 } = unit.verify ?? {};
  const own = scene(unit);
  const deadline = runtime.clock.now() + timeout;
  const left = () => Math.max(deadline - runtime.clock.now(), 1);
  await using running = start === null ? null : Running.start(own, start);
  const going = () => {
    runtime.signal.throwIfAborted();
    running?.refuseEnded();
  };
  const found = new Map<StateUnit, Answers>();
  try {
    if (running !== null && service.health !== null) {
      await untilWell(own, { steps: service.health.steps, timeout: left() }, going);
    }
    for (const step of steps) await act(own, step, deadline);
    for (const one of [unit, ...others].filter(isAsked)) {
      found.set(one, await answersOf(scene(one), one, deadline));
    }
  } catch (error) {
    // What a program says when it ends is worth more than that nobody answered.
    going();
    throw toFailure(error);
  }
  const { signal = "SIGTERM", exit = null } = service.stop ?? {};
  const end = await running?.stop(signal, left());
  if (end === null) throw new Failure("not_still", `did not end after ${signal}`);
  if (end !== undefined && exit !== null && end !== `status ${exit}`) {
    const message = `ended with ${end} after ${signal}, not with status ${exit}`;
    throw new Failure("not_still", message);
  }
  return found;
}
