/** An instance stands still: what its descriptors say becomes facts, flushes and a View. */
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { toBytes } from "../base/bytes.ts";
import { Failure, toFailure } from "../base/failure.ts";
import { below, isWithin } from "../base/path.ts";
import type { Runtime } from "../base/runtime.ts";
import { type Answers, isBesideDatabase, unitId } from "../base/state.ts";
import type { Hook, Instance, Service, StateUnit } from "../instance/descriptor.ts";
import type { Holding } from "../instance/facts.ts";
import { native } from "../seam/native.ts";
import { answersOf, difference } from "./answers.ts";
import type { Cut } from "./barrier.ts";
import { findProcesses } from "./find.ts";
import type { Source, View } from "./freezer.ts";
import { bestFreezer } from "./open.ts";
import { type BarrierPlan, type Handover, refuse } from "./plan.ts";
import { mappedBy } from "./set.ts";
import { type Given, planNow, standStill } from "./stand.ts";
import { act, actAll, asUndo, type Scene } from "./steps/run.ts";
import type { Undo } from "./watchdog.ts";

export { isAsked } from "./answers.ts";
export { clashes } from "./clash.ts";

/** What one unit holds for one context; paths are absolute. */
export interface Member {
  readonly unit: StateUnit;
  readonly paths: readonly string[];
}

/** What is claimed, or chosen, of the instance at a root. */
export const memberOf = (root: string, { unit, tops }: Pick<Holding, "unit" | "tops">): Member => ({
  unit,
  paths: tops.map((top) => below(root, top)),
});

export interface StillOptions {
  readonly instance: Instance;
  /** Everything that is claimed: whoever writes to it is of the set. */
  readonly members: readonly Member[];
  /** What is to be saved of it. */
  readonly saved: readonly Member[];
  /** Names of services that go on; nothing of theirs is among the members. */
  readonly spared?: ReadonlySet<string>;
  /** Milliseconds. */
  readonly maxPause: number;
  readonly stateFolder: string;
  step?(name: string): void;
}

export interface StillPlan {
  readonly barrier: BarrierPlan;
  readonly given: Given;
  readonly claimed: readonly Buffer[];
  readonly sources: readonly Source[];
}

export interface Still {
  readonly view: View;
  readonly cut: Cut;
  /** Milliseconds since 1970 of a time of the cut. */
  epoch(nanoseconds: number): number;
  /** Units whose flush failed although it was to go on. */
  readonly unflushed: readonly string[];
}

/** Files that may come to be beside a database until it is cut, and belong to it. */
export const besides = (unit: StateUnit, path: string): string[] =>
  unit.engine === "sqlite" && !isBesideDatabase(path) ? [`${path}-wal`, `${path}-journal`] : [];

/** What is cut: no path below another of the same subvolume. */
function sourcesOf(saved: readonly Member[]): Source[] {
  const all = saved.flatMap(({ unit, paths }) => paths.flatMap((p) => [p, ...besides(unit, p)]));
  const unique = [...new Set(all)].sort();
  const device = (path: string) =>
    existsSync(path) ? native.placeOf(Buffer.from(path)).device : "";
  return unique.filter(
    (path) =>
      !unique.some(
        (o) => o !== path && isWithin(path, o) && [device(o), ""].includes(device(path)),
      ),
  );
}

const handoverOf = (unit: StateUnit): Handover[] => {
  if (unit.flush !== null) return [{ unit: unitId(unit), kind: "flush" }];
  return unit.drain === null ? [] : [{ unit: unitId(unit), kind: "drain" }];
};

/** Whom a barrier would stop now, and in what order; nothing is touched. */
export async function planStill(runtime: Runtime, options: StillOptions): Promise<StillPlan> {
  const { instance, members, saved, maxPause } = options;
  const claimed = [...new Set(members.flatMap((m) => m.paths))].map((path) => Buffer.from(path));
  const found = await findProcesses(runtime, instance, native.census([...claimed]));
  const units = [...new Set(saved.map((m) => m.unit))];
  const isSpared = (name: string) => options.spared?.has(name) === true;
  const stopped = instance.services.filter(({ name }) => !isSpared(name));
  const services = stopped.map(({ name, dependsOn }) => ({
    service: name,
    pids: found.pids.get(name) ?? [],
    dependsOn: dependsOn.filter((d) => stopped.some((s) => s.name === d)),
    handovers: units.filter((u) => u.service === name).flatMap(handoverOf),
  }));
  const owner = (path: Buffer) => {
    const text = path.toString("utf8");
    const claims = members.filter((m) => m.paths.some((p) => isWithin(text, p)));
    return claims[0]?.unit.service ?? "";
  };
  const { supervisor, obstacles } = found;
  const spared = [...(options.spared ?? [])].map((service) => ({
    service,
    pids: found.pids.get(service) ?? [],
  }));
  const given: Given = { services, spared, supervisor, owner, maxPause, obstacles };
  const barrier = planNow(given, claimed);
  return { barrier, given, claimed, sources: sourcesOf(saved) };
}

/** Sizes and times of everything below some paths, as one text. */
function picture(paths: readonly string[]): string {
  const look = (path: string): string => {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return "";
    const own = `${path} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}\n`;
    return stat.isDirectory()
      ? own +
          readdirSync(path)
            .map((n) => look(join(path, n)))
            .join("")
      : own;
  };
  return paths.map(look).join("");
}

/** Waits until nothing was written for as long as the drain says. */
async function drain(scene: Scene, unit: StateUnit, paths: readonly string[]): Promise<void> {
  if (unit.drain === null) return;
  const { ask, steady, timeout } = unit.drain;
  const { clock } = scene.runtime;
  const deadline = clock.now() + timeout;
  const look = async () => (ask === null ? picture(paths) : act(scene, ask, deadline));
  let [before, since] = [await look(), clock.now()];
  while (clock.now() - since < steady) {
    if (clock.now() > deadline) throw new Failure("not_still", "it is written to all the time");
    await clock.sleep(Math.min(20, steady));
    const now = await look();
    if (now !== before) [before, since] = [now, clock.now()];
  }
}

export function sceneOf(
  runtime: Runtime,
  root: string,
  paths: readonly string[],
  marker: string,
): Scene {
  // Databases are files or folders that are called by their numbers.
  const names = paths.map((path) => /\/db(\d+)(\.redb)?$/.exec(path)?.[1]);
  const databases = [...new Set(names.filter((name) => name !== undefined))];
  return { runtime, root, databases, marker };
}

/** Stops, cuts and continues; the caller disposes of the View. Fails with `not_still`. */
export async function makeStill(
  runtime: Runtime,
  options: StillOptions,
  planned: StillPlan,
): Promise<Still> {
  const { instance, saved, stateFolder } = options;
  const { barrier, given, claimed, sources } = planned;
  refuse(barrier);
  const marker = runtime.random(8).toString("hex");
  const unflushed: string[] = [];
  const scenes = new Map<string, { unit: StateUnit; scene: Scene; paths: string[] }>();
  for (const { unit } of saved) {
    const paths = saved.filter((m) => m.unit === unit).flatMap((m) => m.paths);
    scenes.set(unitId(unit), {
      unit,
      paths,
      scene: sceneOf(runtime, instance.root, paths, marker),
    });
  }
  const handOver = async (handover: Handover) => {
    const found = scenes.get(handover.unit);
    if (found === undefined) throw new Failure("internal", `${handover.unit} is not saved`);
    const { unit, scene, paths } = found;
    try {
      if (unit.flush !== null) await actAll(scene, unit.flush.steps, unit.flush.timeout);
      await drain(scene, unit, paths);
    } catch (error) {
      const failure = toFailure(error);
      if (failure.code === "interrupted") throw failure;
      if (unit.flush?.onFailure === "continue") return void unflushed.push(handover.unit);
      throw new Failure("not_still", `${handover.unit}: ${handover.kind}: ${failure.message}`);
    }
  };
  const undo: Undo[] = [];
  const due = new Set(barrier.waves.flatMap((w) => w.handovers.map((h) => h.unit)));
  for (const { unit, scene } of scenes.values()) {
    if (!due.has(unitId(unit))) continue;
    for (const step of unit.flush?.undo ?? [])
      undo.push(...[(await asUndo(scene, step)) ?? []].flat());
  }
  const mapped = mappedBy(native.census([...claimed]));
  await using prepared = await bestFreezer.prepare(runtime, sources, mapped);
  const stand = { given, claimed, plan: barrier, prepared, undo, handOver, stateFolder };
  const { view, cut, failed } = await standStill(runtime, {
    ...stand,
    ...(options.step === undefined ? {} : { step: options.step }),
  });
  for (const why of failed) {
    runtime.emit({ event: "warning", message: `not undone, see holdall thaw: ${why}` });
  }
  const [mono = 0, epoch = 0] = native.clocks();
  return { view, cut, unflushed, epoch: (t) => Math.round(epoch + (t - mono) / 1e6) };
}

/** Whether a View has a path. */
export const isIn = (view: View, path: string): boolean => existsSync(toBytes(whereIn(view, path)));

/** Where a path is to be read in a View. */
export function whereIn(view: Pick<View, "folders">, path: string): string {
  const holding = view.folders.filter((f) => isWithin(path, f.path));
  const deepest = holding.sort((a, b) => b.path.length - a.path.length)[0];
  return deepest === undefined ? path : join(deepest.view, relative(deepest.path, path));
}

const BETWEEN = 100;
/** How long a unit may take to count what it holds. */
const PATIENCE = 60_000;

/**
 * Asks until the answers are those of a service that is well, or the time of it is over. `going`
 * throws when there is nobody left to answer.
 */
export async function untilWell(
  scene: Scene,
  { steps, timeout }: Pick<Hook, "steps" | "timeout">,
  going: () => void = () => undefined,
): Promise<void> {
  const { clock } = scene.runtime;
  const deadline = clock.now() + timeout;
  for (;;) {
    going();
    try {
      return await actAll(scene, steps, deadline - clock.now());
    } catch (error) {
      if (clock.now() + BETWEEN >= deadline) throw error;
      await clock.sleep(BETWEEN);
    }
  }
}

/**
 * What is not as it was recorded, of a unit whose service runs; null: nothing. `paths` are its own.
 * Fails with `not_started` when it does not answer.
 */
export async function compareAnswers(
  runtime: Runtime,
  { root }: Instance,
  unit: StateUnit,
  paths: readonly string[],
  recorded: Answers,
): Promise<string | null> {
  const scene = sceneOf(runtime, root, paths, "");
  try {
    const said = await answersOf(scene, unit, runtime.clock.now() + PATIENCE);
    return difference(unit, recorded, said);
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code === "interrupted") throw failure;
    throw new Failure("not_started", `${unitId(unit)} does not answer: ${failure.message}`);
  }
}

/** Starts one service and asks for its health until it is well. Fails with `not_started`. */
export async function startService(
  runtime: Runtime,
  { root }: Instance,
  { name, start, health }: Service,
): Promise<void> {
  const scene = sceneOf(runtime, root, [], "");
  try {
    if (start !== null) await actAll(scene, start.steps, start.timeout);
    if (health !== null) await untilWell(scene, health);
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code === "interrupted") throw failure;
    throw new Failure("not_started", `${name}: ${failure.message}`);
  }
}
