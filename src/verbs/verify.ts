/**
 * Tries an instance's cut before a snapshot of it is acknowledged: engines are started on a clone
 * that can be written to, asked, and ended.
 *
 * Changes nothing: the View is only read, the clone is gone at the end, and what runs in it cannot
 * write to the instance.
 */
import { toText } from "../base/bytes.ts";
import { Failure, toFailure } from "../base/failure.ts";
import { fill } from "../base/fill.ts";
import { below, isWithin } from "../base/path.ts";
import type { Runtime } from "../base/runtime.ts";
import { type Answers, unitId } from "../base/state.ts";
import type { Verified } from "../base/stood.ts";
import {
  type Clone,
  enclose,
  makeClone,
  refuseOpen,
  sceneOf,
  type Trial,
  tryUnit,
  whereIn,
} from "../freeze/tried.ts";
import type { Service, StateUnit, Step } from "../instance/descriptor.ts";
import type { Facts } from "../instance/facts.ts";
import { readMounts } from "../instance/places.ts";
import { remap } from "../instance/pointers.ts";
import type { Choice } from "../instance/select.ts";
import { matching, placeholders } from "../instance/trial.ts";
import { lateSpaces } from "../instance/wal.ts";
import type { UnitPlan } from "../repo/saving.ts";

interface Planned {
  readonly service: Service;
  readonly unit: StateUnit;
  /** Units that it shows besides itself. */
  readonly others: readonly StateUnit[];
}

export interface VerifyPlan {
  readonly trials: readonly Planned[];
  readonly verified: Verified;
}

const NO_WAY = "its descriptor says no way to";

/** What would be tried of what is saved. */
export function planVerify({ instance }: Facts, { taken }: Choice): VerifyPlan {
  const units = [...new Set(taken.map(({ holding }) => holding.unit))];
  const trials = units.flatMap((unit): Planned[] => {
    const service = instance.services.find(({ name }) => name === unit.service);
    if (service === undefined || unit.verify === null || unit.verify.with !== null) return [];
    const others = units.filter(({ verify }) => verify?.with === unitId(unit));
    return [{ service, unit, others }];
  });
  const shown = trials.flatMap(({ unit, others }) => [unit, ...others]);
  const why = ({ verify }: StateUnit) => (verify === null ? NO_WAY : `${verify.with} is not saved`);
  const not = units
    .filter((unit) => !shown.includes(unit))
    .map((unit) => ({ unit: unitId(unit), why: why(unit) }));
  return { trials, verified: { units: shown.map(unitId), not } };
}

/**
 * Fails with `permission` where nothing can be kept apart from the instance: before anybody stands
 * still for a cut that could not be tried.
 */
export async function refuseUntried(
  runtime: Runtime,
  { instance: { root } }: Facts,
  { trials }: VerifyPlan,
): Promise<void> {
  if (trials.length === 0) return;
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const options = { root, guarded: [root], writable: root, privileged: uid === 0, uid, gid };
  await refuseOpen({ ...sceneOf(runtime, root, [], ""), enclosure: enclose(options) });
}

/** Everything that the services to be tried have in the View, and what of it is not saved. */
function cloned(facts: Facts, choice: Choice, units: readonly UnitPlan[], services: Set<string>) {
  const { root } = facts.instance;
  return units.flatMap((plan, at) => {
    const { holding, holes } = choice.taken[at] ?? {};
    if (holding === undefined || !services.has(holding.unit.service)) return [];
    const folders = (plan.views ?? []).map(({ path, view }) => ({
      path: toText(path),
      view: toText(view),
    }));
    return plan.paths.map(toText).map((path, one) => ({
      unit: holding.unit,
      path,
      view: whereIn({ folders }, path),
      holes: (holes ?? []).map((hole) => below(root, hole.path)).filter((h) => isWithin(h, path)),
      bytes: one === 0 ? holding.bytes : 0,
    }));
  });
}

/** Absolute paths inside the state lead into the clone, or to what a restore would not have. */
function turn(clone: Clone, unit: StateUnit, path: string): void {
  for (const { at, from, to } of remap(unit.engine, clone.at(path), "/", `${clone.path}/`)
    .changed) {
    if (clone.has(to)) continue;
    const link = at.slice(clone.path.length);
    throw new Failure("not_still", `${link} leads to ${from}, which is not saved with it`);
  }
}

/** Where a recovery makes tablespaces again, and what of the clone is to be seen there. */
function late(clone: Clone, unit: StateUnit, path: string): [string, string][] {
  return lateSpaces(unit.engine, clone.at(path)).map(({ oid, at }): [string, string] => {
    if (clone.has(clone.at(at))) return [clone.at(at), at];
    throw new Failure("not_still", `tablespace ${oid} at ${at} is not saved with it`);
  });
}

/** Folders of the sockets that its questions go to. */
function socketFolders({ service, unit, others }: Planned): string[] {
  const all = [unit, ...others];
  const steps: (Step | null)[] = [
    ...(service.health?.steps ?? []),
    ...all.flatMap(({ verify, count, digest }) => [...(verify?.steps ?? []), count, digest]),
  ];
  const sockets = steps.flatMap((step) =>
    step === null || !("socket" in step) || step.kind === "postgres" ? [] : [step.socket],
  );
  const folders = steps.flatMap((step) => (step?.kind === "postgres" ? [step.socket] : []));
  const own = service.processes.socket === null ? [] : [service.processes.socket];
  const above = [...sockets, ...own].map((path) => path.slice(0, path.lastIndexOf("/")));
  return [...new Set([...above, ...folders])].filter((path) => path !== "" && path[0] !== "/");
}

interface Around {
  readonly root: string;
  readonly clone: Clone;
  readonly paths: readonly { readonly unit: StateUnit; readonly path: string }[];
  readonly runtime: Runtime;
}

/** A trial with all its texts filled; null when there is nothing that it is for. */
function trialOf({ root, clone, paths, runtime }: Around, planned: Planned): Trial | null {
  const home = clone.at(root);
  const say = placeholders(root, home);
  const unit = fill(planned.unit, say);
  const { each = [], steps = [] } = unit.verify ?? {};
  const found = each.length === 0 ? [] : matching(home, each);
  if (each.length > 0 && found.length === 0) return null;
  const own = (one: StateUnit) => paths.filter((p) => p.unit === one).map(({ path }) => path);
  const [first = root] = own(planned.unit);
  const mounts = readMounts().map(({ point }) => point);
  const within = mounts.filter((point) => point !== root && isWithin(point, root)).sort();
  const outside = paths.map(({ path }) => path).filter((path) => !isWithin(path, root));
  const enclosure = enclose({
    root,
    guarded: [root, ...within, ...outside],
    writable: clone.path,
    seen: paths
      .filter(({ unit: one }) => [planned.unit, ...planned.others].includes(one))
      .flatMap(({ unit: one, path }) => late(clone, one, path)),
    privileged: process.getuid?.() === 0,
    ...clone.owner(first),
  });
  return {
    service: fill(planned.service, say),
    unit,
    others: planned.others.map((other) => fill(other, say)),
    steps:
      each.length === 0
        ? steps
        : found.flatMap((p) => fill(steps, placeholders(root, home, below(home, p)))),
    scene: (one) => {
      const was = [planned.unit, ...planned.others].find((u) => unitId(u) === unitId(one));
      const held = was === undefined ? [] : own(was);
      return { ...sceneOf(runtime, home, held, ""), enclosure };
    },
  };
}

/** The first holding of a unit remembers what the whole of it answered. */
function answered(units: readonly UnitPlan[], answers: ReadonlyMap<string, Answers>): UnitPlan[] {
  return units.map((plan, at) => {
    const said = answers.get(plan.id);
    const first = units.findIndex(({ id }) => id === plan.id) === at;
    return said === undefined || !first ? plan : { ...plan, answers: said };
  });
}

/**
 * Tries what is `planned` of a cut; `units` are as they were cut. Their plans come back with what
 * they answered. Fails with `not_verified` when a unit does not come up, all of which are named,
 * `permission` where nothing can be kept apart from the instance, and `disk_full`.
 */
export async function verify(
  runtime: Runtime,
  facts: Facts,
  choice: Choice,
  { trials, verified }: VerifyPlan,
  units: readonly UnitPlan[],
): Promise<{ units: readonly UnitPlan[]; verified: Verified }> {
  const { root } = facts.instance;
  if (trials.length === 0) return { units, verified };
  const paths = cloned(facts, choice, units, new Set(trials.map(({ service }) => service.name)));
  const saved = units.flatMap((plan) => plan.paths.map(toText));
  await using clone = await makeClone(runtime, root, paths, saved);
  const answers = new Map<string, Answers>();
  const failed: [string, string][] = [];
  const not = [...verified.not];
  for (const planned of trials) {
    const { unit, others } = planned;
    try {
      const whole = [unit, ...others];
      for (const p of paths.filter((one) => whole.includes(one.unit))) turn(clone, p.unit, p.path);
      for (const folder of socketFolders(planned)) await clone.folder(below(root, folder));
      const trial = trialOf({ root, clone, paths, runtime }, planned);
      if (trial === null) {
        const why = `nothing of it is ${unit.verify?.each.join(" or ")}`;
        not.push(...whole.map((one) => ({ unit: unitId(one), why })));
        continue;
      }
      await refuseOpen(trial.scene(unit));
      for (const [one, said] of await tryUnit(runtime, trial)) answers.set(unitId(one), said);
    } catch (error) {
      runtime.signal.throwIfAborted();
      const failure = toFailure(error);
      if (failure.code === "permission" || failure.code === "interrupted") throw failure;
      failed.push([unitId(unit), failure.message]);
    }
  }
  const [first, ...more] = failed;
  if (first !== undefined) {
    const rest = more.length === 0 ? "" : `; nor did ${more.map(([id]) => id).join(", ")}`;
    const message = `${first[0]} did not come up on a clone of the cut: ${first[1]}${rest}`;
    throw new Failure("not_verified", message);
  }
  const tried = verified.units.filter((id) => !not.some((left) => left.unit === id));
  return { units: answered(units, answers), verified: { units: tried, not } };
}
