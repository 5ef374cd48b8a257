/**
 * An instance that stands still for its backup: whom it stops, what that is worth, and the cut.
 *
 * Commit point: none; what was cut is only read, and is gone when it is disposed of. Killed inside,
 * the watchdog or the next start continues everybody.
 */
import { toBytes, toText } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { unitId } from "../base/state.ts";
import type { BarrierFields, Stood } from "../base/stood.ts";
import {
  besides,
  isIn,
  type Member,
  makeStill,
  memberOf,
  planStill,
  type Still,
  type StillOptions,
  type StillPlan,
  whereIn,
} from "../freeze/instance.ts";
import { type Least, type Level, levels, refuseBelow, worst } from "../freeze/level.ts";
import { separable } from "../instance/captures.ts";
import { endedUnits } from "../instance/ended.ts";
import { crashSafeOf } from "../instance/engines.ts";
import type { Facts, Holding } from "../instance/facts.ts";
import type { InventoryRow } from "../instance/inventory.ts";
import type { Choice } from "../instance/select.ts";
import type { UnitPlan } from "../repo/saving.ts";

export interface StandOptions {
  /** Milliseconds between the first stop and the last continue, at most. */
  readonly maxPause: number;
  /** No unit may be saved in a lower level. */
  readonly require?: Least;
  /** Where the watchdog's state is kept, on a file system that ends with the machine's run. */
  readonly stateFolder: string;
  /** Ids of units that their engines copy instead: they are not cut with the others. */
  readonly captured?: ReadonlySet<string>;
}

export interface Planned {
  readonly options: StillOptions;
  /** What is cut of each that was chosen; null of those that their engines copy. */
  readonly saved: readonly (Member | null)[];
  readonly plan: StillPlan;
  readonly levels: ReadonlyMap<string, Level>;
  /** Ids of units that their engines copy: as it was asked, or since their service cannot stand. */
  readonly captured: ReadonlySet<string>;
  readonly barrier: BarrierFields;
  readonly require: Least | undefined;
}

/** What is known of a cut, or of the plan of one, besides descriptors. */
interface Known {
  readonly captured: ReadonlySet<string>;
  readonly ended: ReadonlySet<string>;
  readonly unflushed: readonly string[];
}

function graded(facts: Facts, choice: Choice, { barrier }: StillPlan, known: Known) {
  const running = new Set(barrier.owners.values());
  const units = new Map(choice.taken.map(({ holding }) => [unitId(holding.unit), holding.unit]));
  return [...units].map(([id, unit]) => {
    const own = facts.holdings.filter((h) => h.unit === unit);
    const written = own.some((h) => h.openBy.some((o) => o.how !== "reads"));
    // Of what nobody writes there is nothing that is not in the file system.
    const quiet = written || running.has(unit.service) ? "no" : "process";
    const flushes = unit.flush !== null || unit.drain !== null;
    const cutWith = unit.cutWith.map((other) =>
      other.includes("/") ? other : `${unit.service}/${other}`,
    );
    return {
      id,
      crashSafe: crashSafeOf(unit) ?? quiet,
      handedOver: flushes && !known.unflushed.includes(id),
      captured: known.captured.has(id),
      ended: known.ended.has(id) && !running.has(unit.service),
      cutWith,
    } as const;
  });
}

function fields(
  plan: StillPlan,
  spared: ReadonlySet<string>,
  rows: readonly InventoryRow[],
  maxPause: number,
): BarrierFields {
  const { waves, refusals } = plan.barrier;
  return {
    waves: waves.map((wave) => ({
      services: wave.services,
      handovers: wave.handovers.map((h) => h.unit),
      processes: [...wave.stop.map((p) => `${p.name} (pid ${p.pid})`), ...wave.freeze],
    })),
    spared: [...spared],
    refusals: refusals.map(({ who, why }) => `${who} ${why}`),
    maxPause,
    predicted: rows.reduce((ms, row) => Math.max(ms, row.pause ?? 0), 0),
  };
}

/** Services of which all that is chosen is copied: they need not stand. */
function sparedBy(choice: Choice, captured: ReadonlySet<string>): Set<string> {
  const units = choice.taken.map(({ holding }) => holding.unit);
  const cut = new Set(units.filter((u) => !captured.has(unitId(u))).map(({ service }) => service));
  return new Set(units.map(({ service }) => service).filter((service) => !cut.has(service)));
}

/**
 * Whom it would stop, and each unit's level. A service that cannot stand goes on when its engine
 * can copy all of it. Fails with `below_required` when a level is lower than is required; who else
 * is in the way is in the plan.
 */
export async function planStanding(
  runtime: Runtime,
  facts: Facts,
  choice: Choice,
  rows: readonly InventoryRow[],
  { maxPause, require, stateFolder, captured: asked = new Set() }: StandOptions,
): Promise<Planned> {
  const { root } = facts.instance;
  const planWith = async (captured: ReadonlySet<string>) => {
    const spared = sparedBy(choice, captured);
    const isApart = ({ unit }: Holding) => captured.has(unitId(unit)) || spared.has(unit.service);
    const saved = choice.taken.map(({ holding }) =>
      captured.has(unitId(holding.unit)) ? null : memberOf(root, holding),
    );
    const options: StillOptions = {
      instance: facts.instance,
      members: facts.holdings.filter((h) => !isApart(h)).map((h) => memberOf(root, h)),
      saved: saved.filter((m) => m !== null),
      spared,
      maxPause,
      stateFolder,
    };
    return { options, saved, spared, captured, plan: await planStill(runtime, options) };
  };
  const first = await planWith(asked);
  const able = separable([...new Set(choice.taken.map(({ holding }) => holding.unit))]);
  const stuck = first.plan.barrier.refusals.map(({ service = "" }) => service);
  const more = [...able].filter((id) => stuck.includes(id.slice(0, id.indexOf("/"))));
  const isMore = more.some((id) => !asked.has(id));
  const { spared, ...found } = isMore ? await planWith(new Set([...asked, ...more])) : first;
  const { plan, captured } = found;
  const known = { captured, ended: facts.ended ?? new Set<string>(), unflushed: [] };
  const reached = levels(graded(facts, choice, plan, known), true, () => "btrfs");
  refuseBelow(reached, require);
  return { ...found, levels: reached, barrier: fields(plan, spared, rows, maxPause), require };
}

export interface Standing extends AsyncDisposable {
  readonly units: readonly UnitPlan[];
  readonly stood: Stood;
}

/** One unit as it was cut: read in the View, with its four times and its level. */
function cutUnit(still: Still, { unit }: Member, plan: UnitPlan, level: Level): UnitPlan {
  const { view, cut, epoch } = still;
  const paths = plan.paths.flatMap((bytes) => {
    const path = toText(bytes);
    return [path, ...besides(unit, path)];
  });
  const present = [...new Set(paths)].filter((path) => isIn(view, path));
  const [asked, stood] = cut.stopped.get(unit.service) ?? [];
  const at = (time: number | undefined) => (time === undefined ? null : epoch(time));
  return {
    ...plan,
    paths: present.map(toBytes),
    views: view.folders.map((f) => ({ path: toBytes(f.path), view: toBytes(f.view) })),
    consistency: [level.inside, level.across],
    cut: [epoch(cut.all), at(cut.flushed.get(plan.id) ?? asked), at(stood), epoch(cut.thaw)],
  };
}

function describe(still: Still, found: ReadonlyMap<string, Level>): Stood {
  const { cut, epoch } = still;
  const lowest = worst([...found.values()]);
  const [unit = ""] = [...found].find(([, level]) => level === lowest) ?? [];
  const { inside, across, why } = lowest ?? { inside: "unknown", across: "none", why: "no unit" };
  const ms = (from: number) => Math.round((cut.last - from) / 1e5) / 10;
  return {
    at: epoch(cut.first),
    milliseconds: ms(cut.first),
    processes: cut.count,
    services: Object.fromEntries([...cut.stopped].map(([name, [from]]) => [name, ms(from)])),
    worst: { unit, inside, across, why },
  };
}

/**
 * Stops, cuts and continues; what was cut is gone when this is disposed of. Fails with `not_still`,
 * `no_freezer` and `below_required`; then everybody goes on, too.
 */
export async function stand(
  runtime: Runtime,
  facts: Facts,
  choice: Choice,
  planned: Planned,
  units: readonly UnitPlan[],
): Promise<Standing> {
  const still = await makeStill(runtime, planned.options, planned.plan);
  const dispose = () => still.view[Symbol.asyncDispose]();
  try {
    const { instance, holdings } = facts;
    const ended = endedUnits(instance, holdings, (path) => whereIn(still.view, path));
    const { captured } = planned;
    const all = graded(facts, choice, planned.plan, { captured, ended, ...still });
    const found = levels(all, true, () => "btrfs");
    refuseBelow(found, planned.require);
    const cut = units.map((plan, at): UnitPlan => {
      const level = found.get(plan.id);
      if (level === undefined) throw new Failure("internal", `${plan.id} has no level`);
      const own = planned.saved[at];
      if (own) return cutUnit(still, own, plan, level);
      return { ...plan, consistency: [level.inside, level.across] };
    });
    return { units: cut, stood: describe(still, found), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
