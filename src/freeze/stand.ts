/** A barrier in the real world: the watchdog, `/proc`, and the plan that is applied with them. */
import { join } from "node:path";
import type { Runtime } from "../base/runtime.ts";
import { native } from "../seam/native.ts";
import { applyBarrier, type Hands, type Standing } from "./barrier.ts";
import type { Prepared } from "./freezer.ts";
import { type BarrierFacts, type BarrierPlan, planBarrier, refuse } from "./plan.ts";
import { stateFile } from "./thaw.ts";
import { type Undo, Watchdog } from "./watchdog.ts";

/** What the world itself tells is not given: processes, and which of them holdall is. */
export type Given = Omit<BarrierFacts, "processes" | "holdall">;

/** The plan as things stand now; `claimed` are the paths whose writers count. */
export const planNow = (given: Given, claimed: readonly Buffer[]): BarrierPlan =>
  planBarrier({ ...given, processes: native.census([...claimed]), holdall: process.pid });

export interface StandOptions {
  readonly given: Given;
  readonly claimed: readonly Buffer[];
  readonly plan: BarrierPlan;
  readonly prepared: Prepared;
  readonly undo: readonly Undo[];
  readonly handOver: Hands["handOver"];
  /** Folder for the state file, on a file system that ends with the machine's run. */
  readonly stateFolder: string;
  /** Told before each step. */
  step?(name: string): void;
}

/** Everybody stands, the View is cut and proved, everybody goes on; see `applyBarrier`. */
export async function standStill(runtime: Runtime, options: StandOptions): Promise<Standing> {
  const { plan, claimed, given, prepared } = options;
  refuse(plan);
  const mount = native.cgroupMount()?.toString() ?? "";
  const unique = runtime.random(8).toString("hex");
  const file = await stateFile(options.stateFolder, unique);
  await using watchdog = await Watchdog.start(file, plan.maxPause);
  const list = () => {
    const processes = native.census([...claimed]);
    const own = watchdog.pid;
    const others = processes.filter((p) => p.pid !== own);
    const { owners } = planBarrier({ ...given, processes: others, holdall: process.pid });
    return { processes: others, owners };
  };
  const hands: Hands = {
    watchdog,
    list,
    handOver: options.handOver,
    folder: (cgroup) => join(mount, cgroup),
    now: () => native.clocks()[0] ?? 0,
    step: (name) => {
      options.step?.(name);
      runtime.signal.throwIfAborted();
    },
  };
  // Awaited here: the line to the watchdog must not end before.
  return await applyBarrier(hands, plan, prepared, options.undo);
}
