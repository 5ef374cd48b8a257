/**
 * An instance comes back below another root, where the target's own configuration waits for its
 * state: what `restore` is to bring where, and what is done afterwards.
 *
 * Commit point: none is needed; nothing at the units' paths was anybody's before, and a mark in the
 * root tells the next restore of the same snapshot that it may go on.
 */
import { hex, toBytes, toText } from "../base/bytes.ts";
import { Failure, toFailure } from "../base/failure.ts";
import { fill } from "../base/fill.ts";
import { below } from "../base/path.ts";
import type { Pointer, Revival } from "../base/revival.ts";
import type { Runtime } from "../base/runtime.ts";
import { type Answers, unitId } from "../base/state.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { clashes, compareAnswers, isAsked, startService } from "../freeze/instance.ts";
import { enclose, refuseOpen, sceneOf, tryUnit } from "../freeze/tried.ts";
import type { Hook, Instance, Service } from "../instance/descriptor.ts";
import { isDescribed, loadInstance } from "../instance/load.ts";
import { type Move, type Moved, planMove, startOrder } from "../instance/move.ts";
import { give, type Owner, ownerOf, parseOwners } from "../instance/owners.ts";
import { type Abroad, isFolder, rebase, remap } from "../instance/pointers.ts";
import { begin, begunIn, finish, isTaken } from "../instance/taken.ts";
import { placeholders } from "../instance/trial.ts";
import { type Barred, bar, type LateSpace, lateSpaces } from "../instance/wal.ts";
import { sectionsOf } from "../repo/units.ts";

export interface ReviveOptions {
  /** Root of the target; its descriptors and its configuration are there already. */
  readonly root: string;
  /** `name=name`, or numbers: whose files become whose; the group is the new owner's own. */
  readonly owners?: readonly string[];
}

/** Secrets of the target open nothing of what was saved; anything else is somebody's data. */
function refuseTaken(root: string, moved: readonly Moved[]): string[] {
  const replaced: string[] = [];
  for (const { unit, path } of moved) {
    const place = below(root, path);
    if (!isTaken(place)) continue;
    if (unit.class !== "secret") {
      const message = `${place} of ${unitId(unit)} is not empty; a restore never mixes two states`;
      throw new Failure("invalid", message);
    }
    replaced.push(path);
  }
  return replaced.sort();
}

const rebuilds = ({ services }: Instance) =>
  services
    .flatMap(({ units }) => units)
    .filter(({ class: worth, rebuild }) => worth === "derived-cheap" && rebuild !== null)
    .map((unit) => ({ unit: unitId(unit), note: unit.note }));

/** How a service starts: by its own means, or by its supervisor's. */
function startOf({ supervisor }: Instance, { start, processes }: Service): Hook | null {
  const { supervised } = processes;
  if (start !== null || supervised === null) return start;
  return fill(supervisor?.start ?? null, (name) => (name === "service" ? supervised : null));
}

type Begun = Pick<Revival, "started" | "unstarted" | "compared" | "uncompared">;

/** Whoever comes up with other than was recorded is the last: nobody starts on top of it. */
async function start(
  runtime: Runtime,
  { instance, move, recorded }: Pick<RevivalPlan, "instance" | "move" | "recorded">,
): Promise<Begun> {
  const [started, unstarted, compared]: [string[], string[], string[]] = [[], [], []];
  for (const service of startOrder(instance.services)) {
    const own = startOf(instance, service);
    if (own === null) {
      unstarted.push(service.name);
      continue;
    }
    await startService(runtime, instance, { ...service, start: own });
    started.push(service.name);
    for (const unit of service.units) {
      const was = recorded.get(unitId(unit));
      if (was === undefined || !isAsked(unit)) continue;
      const held = move.moved.filter((moved) => unitId(moved.unit) === unitId(unit));
      const paths = held.map(({ path }) => below(instance.root, path));
      const other = await compareAnswers(runtime, instance, unit, paths, was);
      if (other !== null) throw new Failure("differs", other);
      compared.push(unitId(unit));
    }
  }
  const uncompared = [...recorded.keys()].filter((id) => !compared.includes(id));
  return { started, unstarted, compared, uncompared };
}

/** Says each in a line, and refuses before anything is written. */
async function refuseClashes(runtime: Runtime, instance: Instance): Promise<void> {
  const taken = await clashes(runtime, instance);
  for (const message of taken) runtime.emit({ event: "warning", message });
  if (taken.length === 0) return;
  const many = taken.length === 1 ? "something" : `${taken.length} things`;
  const message = `${instance.root}: ${many} that its services declare, others have; nothing written`;
  throw new Failure("clash", message);
}

function place(move: Move, to: string, owners: readonly Owner[]) {
  const abroad: Abroad[] = [];
  const remapped: Pointer[] = [];
  for (const { unit, path } of move.moved) {
    const found = remap(unit.engine, below(to, path), move.from, to);
    remapped.push(...found.changed);
    abroad.push(...found.outside);
    give(below(to, path), owners);
  }
  return { abroad, remapped };
}

/** A unit, and the tablespaces that its clusters would make again. */
interface Late {
  readonly one: Moved;
  readonly spaces: readonly LateSpace[];
}

function lateIn({ instance: { root }, move }: RevivalPlan, one: Moved): LateSpace[] {
  const found = lateSpaces(one.unit.engine, below(root, one.path));
  return found.filter(({ at }) => rebase(at, move.from, root) !== at);
}

/**
 * A recovery is a trial of the unit where it is now, of which nothing is asked; nobody writes to
 * what is guarded.
 */
async function recover(
  runtime: Runtime,
  { instance: { root, services }, move }: RevivalPlan,
  { one: { unit, path }, spaces: late }: Late,
  guarded: readonly string[],
): Promise<void> {
  const say = placeholders(root, root);
  const service = services.find(({ name }) => name === unit.service);
  const ends = service?.health != null && service.stop != null;
  if (service === undefined || unit.verify?.start == null || !ends) {
    throw new Failure(
      "descriptor",
      `${unitId(unit)} has no verify.start, health and stop for that`,
    );
  }
  const seen = late.map(({ at }): [string, string] => {
    const to = rebase(at, move.from, root);
    if (to === null || !isFolder(to)) throw new Failure("invalid", "it was not saved");
    if (!isFolder(at)) throw new Failure("invalid", "make that folder, which stays empty");
    return [to, at];
  });
  const [uid, privileged] = [process.getuid?.() ?? 0, process.getuid?.() === 0];
  const who = privileged ? ownerOf(below(root, path)) : { uid, gid: process.getgid?.() ?? 0 };
  const spaces = { root, guarded, writable: root, seen, privileged, ...who };
  const scene = { ...sceneOf(runtime, root, [], ""), enclosure: enclose(spaces) };
  await refuseOpen(scene, "that");
  const alone = { ...unit, count: null, digest: null };
  const filled = { service: fill(service, say), unit: fill(alone, say) };
  await tryUnit(runtime, { ...filled, others: [], steps: [], scene: () => scene });
}

/** Recovers a unit, and points to its new root what the recovery made. */
async function settle(
  runtime: Runtime,
  plan: RevivalPlan,
  late: Late,
  guarded: readonly string[],
): Promise<readonly Pointer[]> {
  const { root } = plan.instance;
  const { unit, path } = late.one;
  await recover(runtime, plan, late, guarded);
  const { changed } = remap(unit.engine, below(root, path), plan.move.from, root);
  if (lateIn(plan, late.one).length > 0) {
    throw new Failure("not_still", "its recovery did not come to an end");
  }
  return changed;
}

/**
 * Whoever starts a copied cluster may write where its source does: by a link that leads out of what
 * was saved, or by the recovery, which makes tablespaces again at the source's paths. Nobody can
 * start such a one before that is settled. A recovery is done here, once, where those paths lead to
 * what came back, and ends with a checkpoint; the rest is named.
 */
async function settleAll(
  runtime: Runtime,
  plan: RevivalPlan,
  outside: readonly Abroad[],
): Promise<Pointer[]> {
  const abroad = plan.move.from === plan.instance.root ? [] : outside;
  const guarded = [plan.move.from, ...abroad.map(({ from }) => from)];
  const late = plan.move.moved.map((one) => ({ one, spaces: lateIn(plan, one) }));
  const barred = new Map<string, Barred>();
  const shut = (cluster: string) => barred.set(cluster, barred.get(cluster) ?? bar(cluster));
  for (const { cluster } of abroad) if (cluster !== null) shut(cluster);
  for (const { spaces } of late) for (const { cluster } of spaces) shut(cluster);
  const [remapped, failures]: [Pointer[], Failure[]] = [[], []];
  for (const unit of late) {
    const [first] = unit.spaces;
    if (first === undefined) continue;
    const clusters = [...new Set(unit.spaces.map(({ cluster }) => cluster))];
    let again = clusters;
    try {
      for (const cluster of clusters) barred.get(cluster)?.release();
      remapped.push(...(await settle(runtime, plan, unit, guarded)));
      again = clusters.filter((one) => abroad.some(({ cluster }) => cluster === one));
    } catch (error) {
      const { code, message } = toFailure(error);
      if (code === "interrupted") throw error;
      const made = `tablespace ${first.oid} was made after the last checkpoint at ${first.at}`;
      const why = `${made}, where recovery makes it again: ${message}`;
      const text = `${first.cluster}: ${why}; its PG_VERSION is taken away`;
      failures.push(new Failure("not_recovered", text));
    } finally {
      again.forEach(bar);
    }
  }
  for (const { at, from, cluster } of abroad) {
    if (cluster === null) continue;
    const why = `leads out of what was saved, to ${from}; the PG_VERSION of ${cluster} is taken away`;
    const next = "make it lead to a folder of its own and write that file again, with";
    const text = `${at}: ${why}: ${next} ${barred.get(cluster)?.version}`;
    failures.push(new Failure("not_recovered", text));
  }
  const [failure, ...others] = failures;
  for (const { message } of others) runtime.emit({ event: "warning", message });
  if (failure !== undefined) throw failure;
  return remapped;
}

/** What is to come back, and what is known of it before anything is written. */
export interface RevivalPlan {
  /** The snapshot's. */
  readonly id: string;
  /** The folder of the snapshot that is restored, and into which one. */
  readonly path: Buffer;
  readonly target: Buffer;
  readonly instance: Instance;
  readonly move: Move;
  readonly owners: readonly Owner[];
  /** What units answered at the backup, by `service/unit`. */
  readonly recorded: ReadonlyMap<string, Answers>;
  readonly revival: Revival;
}

/**
 * Says what cannot be before anything is written: fails with `descriptor` when the target has no
 * unit for what was saved, `invalid` when the snapshot is of no instance, lacks a part, or when a
 * unit has data there already, and `usage` for an owner that nobody knows.
 */
export async function planRevival(
  snapshot: Snapshot,
  options: ReviveOptions,
): Promise<RevivalPlan> {
  if (snapshot.instance === "") {
    throw new Failure("invalid", "the snapshot is of folders and not of an instance; use --to");
  }
  const [closed] = snapshot.closed;
  if (closed !== undefined) {
    throw new Failure("invalid", `a part of the snapshot does not open with this key: ${closed}`);
  }
  const instance = await loadInstance(options.root);
  const { root } = instance;
  if (!isDescribed(instance)) {
    const message = `${root} has no descriptors: its own configuration must be there first`;
    throw new Failure("descriptor", message);
  }
  const id = hex(snapshot.id);
  const sections = sectionsOf(snapshot);
  const saved = sections.flatMap(({ paths }) => paths.map(toText));
  const move = planMove(saved, instance);
  const owners = await parseOwners(options.owners ?? [], sections);
  const answers = sections.flatMap(({ units }) =>
    units.flatMap(({ id: unit, answers: said }) => (said ? [[unit, said] as const] : [])),
  );
  const recorded = new Map(answers);
  const revival = {
    from: move.from,
    to: root,
    units: [...new Set(move.moved.map(({ unit }) => unitId(unit)))],
    replaced: begunIn(root) === id ? [] : refuseTaken(root, move.moved),
    rebuild: rebuilds(instance),
    outside: move.outside,
    remapped: [],
    started: [],
    unstarted: [],
    compared: [],
    uncompared: [...recorded.keys()],
    clashes: [],
  };
  const [path, target] = [toBytes(move.from), toBytes(root)];
  return { id, path, target, instance, move, owners, recorded, revival };
}

/**
 * Lets `bring` restore the state, makes it fit its new root and its new owners, and starts the
 * services in the order in which they depend on each other, unless something was not restored.
 *
 * Fails with `clash` before it writes when somebody has what the services are to bind, with
 * `not_recovered` when a cluster cannot be made fit for its root, `not_started` when a service does
 * not start or answer, `differs` when one has other than the backup recorded, and with what `bring`
 * fails.
 */
export async function revive<R extends { readonly troubles: number }>(
  runtime: Runtime,
  plan: RevivalPlan,
  bring: () => Promise<R>,
  starting: boolean,
): Promise<{ restored: R; revival: Revival }> {
  const { id, instance, move, owners, revival } = plan;
  const { root } = instance;
  if (starting) await refuseClashes(runtime, instance);
  begin(root, id);
  const restored = await bring();
  const { abroad, remapped } = place(move, root, owners);
  remapped.push(...(await settleAll(runtime, plan, abroad)));
  const outside = [...move.outside, ...abroad.map(({ at, from }) => `${at} -> ${from}`)];
  if (restored.troubles === 0) finish(root);
  const started = starting && restored.troubles === 0 ? await start(runtime, plan) : {};
  return { restored, revival: { ...revival, outside, remapped, ...started } };
}

/** What a start would find taken, for who wants to know before. */
export const findClashes = (runtime: Runtime, { instance }: RevivalPlan): Promise<string[]> =>
  clashes(runtime, instance);
