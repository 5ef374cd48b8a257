/**
 * An instance that stands still for its backup: whom it stops, what that is worth, and the cut.
 *
 * Commit point: none; what was cut is only read, and is gone when it is disposed of. Killed inside,
 * the watchdog or the next start continues everybody.
 */
import { toBytes, toText } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import { below } from "../base/path.ts";
import type { Runtime } from "../base/runtime.ts";
import { unitId } from "../base/state.ts";
import type { BarrierFields, Stood } from "../base/stood.ts";
import {
  besides,
  isIn,
  type Member,
  makeStill,
  planStill,
  type Still,
  type StillOptions,
  type StillPlan,
} from "../freeze/instance.ts";
import { isBelow, type Level, levels, worst } from "../freeze/level.ts";
import { crashSafeOf } from "../instance/engines.ts";
import type { Facts, Holding } from "../instance/facts.ts";
import type { InventoryRow } from "../instance/inventory.ts";
import type { Choice } from "../instance/select.ts";
import type { UnitPlan } from "../repo/saving.ts";

/** Least levels: in itself, and with the others. */
export type Least = Pick<Level, "inside" | "across">;

export interface StandOptions {
  /** Milliseconds between the first stop and the last continue, at most. */
  readonly maxPause: number;
  /** No unit may be saved in a lower level. */
  readonly require?: Least;
  /** Where the watchdog's state is kept, on a file system that ends with the machine's run. */
  readonly stateFolder: string;
}

export interface Planned {
  readonly options: StillOptions;
  readonly plan: StillPlan;
  readonly levels: ReadonlyMap<string, Level>;
  readonly barrier: BarrierFields;
  readonly require: Least | undefined;
}

function refuseBelow(found: ReadonlyMap<string, Level>, least: Least | undefined): void {
  if (least === undefined) return;
  for (const [unit, level] of found) {
    if (isBelow(level, least.inside, least.across)) {
      const is = `would be ${level.inside}, ${level.across}: ${level.why}`;
      throw new Failure("below_required", `${unit} ${is}`);
    }
  }
}

/** What is claimed, or chosen, with absolute paths. */
function members(facts: Facts, holdings: readonly Holding[]): Member[] {
  const { root } = facts.instance;
  return holdings.map(({ unit, tops }) => ({ unit, paths: tops.map((top) => below(root, top)) }));
}

function graded(facts: Facts, choice: Choice, plan: StillPlan, unflushed: readonly string[]) {
  const running = new Set(plan.barrier.owners.values());
  const units = new Map(choice.taken.map(({ holding }) => [unitId(holding.unit), holding.unit]));
  return [...units].map(([id, unit]) => {
    const own = facts.holdings.filter((h) => h.unit === unit);
    const written = own.some((h) => h.openBy.some((o) => o.how !== "reads"));
    // Of what nobody writes there is nothing that is not in the file system.
    const quiet = written || running.has(unit.service) ? "no" : "process";
    const handedOver = (unit.flush !== null || unit.drain !== null) && !unflushed.includes(id);
    const cutWith = unit.cutWith.map((other) =>
      other.includes("/") ? other : `${unit.service}/${other}`,
    );
    return { id, crashSafe: crashSafeOf(unit) ?? quiet, handedOver, cutWith } as const;
  });
}

function fields(plan: StillPlan, rows: readonly InventoryRow[], maxPause: number): BarrierFields {
  const { waves, refusals } = plan.barrier;
  return {
    waves: waves.map((wave) => ({
      services: wave.services,
      handovers: wave.handovers.map((h) => h.unit),
      processes: [...wave.stop.map((p) => `${p.name} (pid ${p.pid})`), ...wave.freeze],
    })),
    refusals: refusals.map(({ who, why }) => `${who} ${why}`),
    maxPause,
    predicted: rows.reduce((ms, row) => Math.max(ms, row.pause ?? 0), 0),
  };
}

/**
 * Whom it would stop, and each unit's level. Fails with `below_required` when a level is lower than
 * is required; who is in the way is in the plan.
 */
export async function planStanding(
  runtime: Runtime,
  facts: Facts,
  choice: Choice,
  rows: readonly InventoryRow[],
  { maxPause, require, stateFolder }: StandOptions,
): Promise<Planned> {
  const options: StillOptions = {
    instance: facts.instance,
    members: members(facts, facts.holdings),
    saved: members(
      facts,
      choice.taken.map(({ holding }) => holding),
    ),
    maxPause,
    stateFolder,
  };
  const plan = await planStill(runtime, options);
  const found = levels(graded(facts, choice, plan, []), true, () => "btrfs");
  refuseBelow(found, require);
  return { options, plan, levels: found, barrier: fields(plan, rows, maxPause), require };
}

export interface Standing extends AsyncDisposable {
  readonly units: readonly UnitPlan[];
  readonly stood: Stood;
}

/** One unit as it was cut: read in the View, with its four times and its level. */
function cutUnit(still: Still, member: Member | undefined, plan: UnitPlan, level: Level): UnitPlan {
  const { view, cut, epoch } = still;
  const unit = member?.unit;
  const paths = plan.paths.flatMap((bytes) => {
    const path = toText(bytes);
    return [path, ...(unit === undefined ? [] : besides(unit, path))];
  });
  const present = [...new Set(paths)].filter((path) => isIn(view, path));
  const [asked, stood] = cut.stopped.get(unit?.service ?? "") ?? [];
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
    const all = graded(facts, choice, planned.plan, still.unflushed);
    const found = levels(all, true, () => "btrfs");
    refuseBelow(found, planned.require);
    const cut = units.map((plan, at) => {
      const level = found.get(plan.id);
      if (level === undefined) throw new Failure("internal", `${plan.id} has no level`);
      return cutUnit(still, planned.options.saved[at], plan, level);
    });
    return { units: cut, stood: describe(still, found), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
