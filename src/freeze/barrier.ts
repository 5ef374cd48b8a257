/**
 * Applies the plan of a barrier: hands over, stops, cuts, proves, and continues. It decides nothing
 * but to give up: whatever goes wrong, everybody goes on again, and there is no View.
 *
 * Between the first stop and the last continue there are signals, `/proc`, the engines' flushes and
 * the snapshot call, and nothing else.
 */
import { Failure, toFailure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import { isWithin } from "../base/path.ts";
import type { Process } from "../seam/native.ts";
import type { Prepared, View } from "./freezer.ts";
import { type BarrierPlan, type Handover, refuse, type Wave } from "./plan.ts";
import { byPid, mappedBy, type Owners } from "./set.ts";
import type { Stood, Thawed, Undo } from "./watchdog.ts";

/** What the plan is applied with. */
export interface Hands {
  readonly watchdog: {
    note(undo: Undo): Promise<void>;
    stop(processes: readonly Process[]): Promise<Stood>;
    freeze(folder: string): Promise<Stood>;
    prove(): Promise<number>;
    thaw(): Promise<Thawed>;
  };
  /** All processes as they are now, and who of them is in the set. */
  list(): { processes: readonly Process[]; owners: Owners };
  /** Flushes or drains a unit, and has observed it; fails when it could not. */
  handOver(handover: Handover): Promise<void>;
  /** Where a cgroup's folder is. */
  folder(cgroup: string): string;
  /** Nanoseconds of the watchdog's clock. */
  now(): number;
  /** Told before each step of the window. */
  step?(name: string): void;
}

/** Nanoseconds of the clock that only goes forward. */
export interface Cut {
  /** When the first signal was sent. */
  readonly first: number;
  /** B: the last of the set was seen to stand. */
  readonly all: number;
  /** T: the first went on, and the last. */
  readonly thaw: number;
  readonly last: number;
  /** F by unit: when its flush or drain was asked for; those that need none have their stop. */
  readonly flushed: ReadonlyMap<string, number>;
  /** By service: its stop was asked for, and its last thread was seen to stand. */
  readonly stopped: ReadonlyMap<string, readonly [asked: number, stood: number]>;
  /** How many processes stood. */
  readonly count: number;
}

export interface Standing {
  readonly view: View;
  readonly cut: Cut;
  /** Steps that could not be undone. */
  readonly failed: readonly string[];
}

interface Progress {
  first: number;
  all: number;
  readonly flushed: Map<string, number>;
  readonly stopped: Map<string, readonly [number, number]>;
  readonly standing: Map<number, string>;
  readonly essential: ReadonlySet<number>;
}

/** How often the set is listed again before it counts as one that never comes to rest. */
const LISTINGS = 20;

function notePart(progress: Progress, services: readonly string[], stood: Stood): void {
  if (progress.first === 0) progress.first = stood.from;
  progress.all = Math.max(progress.all, stood.seen);
  for (const service of services) {
    const [asked] = progress.stopped.get(service) ?? [stood.from];
    progress.stopped.set(service, [asked, stood.seen]);
  }
}

async function stop(
  hands: Hands,
  progress: Progress,
  services: readonly string[],
  processes: readonly Process[],
): Promise<void> {
  if (processes.length === 0) return;
  const stood = await hands.watchdog.stop(processes);
  const dead = processes.find((p) => stood.gone.includes(p.pid) && progress.essential.has(p.pid));
  if (dead) {
    const of = services.length > 0 ? ` of ${services.join(", ")}` : "";
    throw new Failure(
      "not_still",
      `${dead.name} (pid ${dead.pid})${of} ended while it was stopped`,
    );
  }
  notePart(progress, services, stood);
  for (const { pid, start } of processes) progress.standing.set(pid, start);
}

async function applyWave(hands: Hands, progress: Progress, wave: Wave): Promise<void> {
  await mapBounded(wave.handovers, 16, async (handover) => {
    hands.step?.(handover.kind);
    progress.flushed.set(handover.unit, hands.now());
    await hands.handOver(handover);
  });
  for (const cgroup of wave.freeze) {
    hands.step?.("freeze");
    notePart(progress, wave.services, await hands.watchdog.freeze(hands.folder(cgroup)));
  }
  hands.step?.("stop");
  await stop(hands, progress, wave.services, wave.stop);
}

/** Those that belong to services which already stand, or to nobody, and do not stand yet. */
function newcomers(
  { processes, owners }: ReturnType<Hands["list"]>,
  progress: Progress,
  due: ReadonlySet<string>,
): Process[] {
  const all = byPid(processes);
  const found = [...owners].flatMap(([pid, service]) => {
    const process = all.get(pid);
    const known = process !== undefined && progress.standing.get(pid) === process.start;
    return process !== undefined && !known && due.has(service) ? [process] : [];
  });
  return found;
}

/** Lists the set again and stops who came to it, until a list has nobody new. */
async function settle(hands: Hands, progress: Progress, due: ReadonlySet<string>) {
  for (let turn = 0; turn < LISTINGS; turn++) {
    const listed = hands.list();
    const more = newcomers(listed, progress, due);
    if (more.length === 0) return mappedBy(listed.processes);
    const tied = more.find((p) => p.tie !== undefined);
    if (tied) throw new Failure("not_still", `${tied.name} (pid ${tied.pid}) ${tied.tie}`);
    hands.step?.("stop newcomers");
    await stop(hands, progress, [], more);
  }
  throw new Failure("not_still", "the set does not come to rest: new processes keep coming");
}

/** Everybody stands at the end; gives the files that the set has mapped writable. */
async function standStill(hands: Hands, plan: BarrierPlan, progress: Progress): Promise<Buffer[]> {
  const all = byPid(plan.processes);
  const due = new Set<string>([""]);
  for (const wave of plan.waves) {
    // A flush counts only when all who stand before it do: whoever came meanwhile, too.
    if (wave.handovers.length > 0) await settle(hands, progress, due);
    await applyWave(hands, progress, wave);
    for (const service of wave.services) due.add(service);
    // Frozen members stand without having been stopped one by one.
    for (const [pid, service] of plan.owners) {
      const process = all.get(pid);
      const frozen = wave.freeze.some((g) => isWithin(process?.cgroup ?? "", g));
      if (process && frozen && wave.services.includes(service)) {
        progress.standing.set(pid, process.start);
      }
    }
  }
  for (const service of plan.owners.values()) due.add(service);
  return settle(hands, progress, due);
}

/** Everybody stood while it was cut: nobody ran, nobody came, and the View is the right one. */
async function prove(hands: Hands, plan: BarrierPlan, progress: Progress, view: View) {
  hands.step?.("prove");
  const count = await hands.watchdog.prove();
  const [first] = newcomers(hands.list(), progress, new Set(["", ...plan.owners.values()]));
  if (first !== undefined) {
    const who = `${first.name} (pid ${first.pid})`;
    throw new Failure("not_still", `${who} came to the set while it was cut`);
  }
  await view.prove();
  return count;
}

/**
 * Resolves with a View that was proved, when everybody goes on again. Fails with `not_still`; then
 * everybody goes on, too, and what was cut is gone.
 */
export async function applyBarrier(
  hands: Hands,
  plan: BarrierPlan,
  prepared: Prepared,
  undo: readonly Undo[],
): Promise<Standing> {
  refuse(plan);
  const progress: Progress = {
    first: 0,
    all: 0,
    flushed: new Map(),
    stopped: new Map(),
    standing: new Map(),
    essential: plan.essential,
  };
  let view: View | undefined;
  try {
    for (const step of undo) await hands.watchdog.note(step);
    const mapped = await standStill(hands, plan, progress);
    // Where nobody runs, everything stands since now.
    if (progress.first === 0) progress.first = progress.all = hands.now();
    hands.step?.("cut");
    view = await prepared.cut(mapped);
    const count = await prove(hands, plan, progress, view);
    hands.step?.("thaw");
    const { first: thaw, last, failed } = await hands.watchdog.thaw();
    const { first, all, flushed, stopped } = progress;
    return { view, cut: { first, all, thaw, last, flushed, stopped, count }, failed };
  } catch (error) {
    // One that cannot be asked any more continues everything by itself.
    await hands.watchdog.thaw().catch(() => undefined);
    await view?.[Symbol.asyncDispose]();
    throw toFailure(error);
  }
}
