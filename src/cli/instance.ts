/** `holdall backup --instance`: what is taken, what is not, and whom it stops. */
import { unitId } from "../base/state.ts";
import {
  type BarrierFields,
  type Copied,
  captures,
  captureUnits,
  choose,
  clearAbandoned,
  type HoldallEvent,
  inventory,
  livePlans,
  planStanding,
  planVerify,
  refuseUntried,
  type Standing,
  shown,
  stand,
  toText,
  type UnitPlan,
  type Verified,
  verify,
} from "../index.ts";
import { absolute } from "./arguments.ts";
import type { Session } from "./session.ts";
import { cacheBase, type Flags } from "./settings.ts";
import { type StillFlags, standOptions } from "./still.ts";
import { size, table } from "./words.ts";

export interface InstanceFlags extends Flags, StillFlags {
  instance?: string;
  service?: string[];
  context?: string[];
  /** False for `--no-pause`. */
  pause?: boolean;
  native?: boolean;
  verify?: boolean;
}

type Plan = Extract<HoldallEvent, { event: "plan" }>;

function rows({ taken, left, credentials }: Plan): string[][] {
  return [
    ...taken.map((t) => [
      t.captured ? "copy" : "take",
      t.unit,
      shown(t.context || "-"),
      t.class,
      size(t.bytes),
      `${t.inside}, ${t.across}`,
    ]),
    ...left.map((l) => ["leave", l.unit, shown(l.context || "-"), l.why, "", l.rebuild]),
    ...credentials.map((path) => ["note", shown(path), "-", "embeds secrets", "", ""]),
  ];
}

function barrierText(fields: BarrierFields): string {
  const lines = fields.waves.map(({ services, handovers, processes }, at) => {
    const before = handovers.length > 0 ? `flush ${handovers.join(", ")}, then ` : "";
    const who = services.length > 0 ? `${services.join(", ")}: ` : "";
    return `${at + 1}. ${before}stop ${who}${processes.map(shown).join(", ")}`;
  });
  const spared =
    fields.spared.length > 0
      ? [`not stopped, copied by its engine: ${fields.spared.join(", ")}`]
      : [];
  const refused = fields.refusals.map((why) => `cannot stand still: ${shown(why)}`);
  const long = `for about ${fields.predicted} ms, at most ${fields.maxPause} ms`;
  return [...lines, ...(lines.length > 0 ? [long] : []), ...spared, ...refused].join("\n");
}

/** What is saved of an instance, and how it is made to stand still for it. */
export interface Prepared {
  readonly instance: string;
  /** As they are read while everything runs. */
  readonly units: readonly UnitPlan[];
  /** Makes it stand still; null with `--no-pause`. */
  readonly stand: (() => Promise<Standing>) | null;
  /** Has engines copy what they are to copy, and reads the rest as it is given. */
  copy(units: readonly UnitPlan[]): Promise<Copied>;
  /** Tries it on a clone of what was cut; null without `--verify`. */
  readonly verify: ((units: readonly UnitPlan[]) => ReturnType<typeof verify>) | null;
  tell(verified: Verified): string;
}

/** `verified postgres/cluster; not verified: hero_books/library, its descriptor says no way to` */
function verifiedText({ units, not }: Verified, verb = "verified on a clone"): string {
  const whys = [...new Set(not.map(({ why }) => why))];
  const left = whys.map(
    (why) =>
      `not verified: ${not
        .filter((n) => n.why === why)
        .map((n) => n.unit)
        .join(", ")}; ${why}`,
  );
  return [...(units.length > 0 ? [`${verb}: ${units.join(", ")}`] : []), ...left].join("\n");
}

/** Units of the instance for a backup's options; tells first what they are, and whom it stops. */
export async function prepare(session: Session, flags: InstanceFlags): Promise<Prepared> {
  const root = absolute(flags.instance ?? "").toString("utf8");
  const cache = flags.cache === false ? {} : { cache: cacheBase() };
  const { runtime } = session;
  await clearAbandoned(runtime, root);
  const { inventory: found, facts } = await inventory(runtime, root, cache);
  const choice = choose(facts, {
    ...(flags.service === undefined ? {} : { services: flags.service }),
    ...(flags.context === undefined ? {} : { contexts: flags.context }),
  });
  const able = captures(choice);
  const still = standOptions(flags);
  const asked = flags.native === true ? able.apart : new Set<string>();
  const all = choice.taken.every(({ holding: { unit } }) => asked.has(unitId(unit)));
  const isPaused = flags.pause !== false && !all;
  const units = livePlans(facts, choice, isPaused ? undefined : still.require);
  const paused = isPaused
    ? await planStanding(runtime, facts, choice, found.rows, { ...still, captured: asked })
    : null;
  const captured = paused?.captured ?? able.all;
  const tries = flags.verify === true ? planVerify(facts, choice) : null;
  if (tries !== null) await refuseUntried(runtime, facts, tries);
  const rebuild = (unit: string) =>
    found.rows.find((row) => `${row.service}/${row.unit}` === unit)?.rebuild ?? "";
  const plan: Plan = {
    event: "plan",
    instance: facts.instance.name,
    taken: units.map((unit, at) => ({
      unit: unit.id,
      context: unit.context,
      class: unit.class,
      inside: paused?.levels.get(unit.id)?.inside ?? unit.consistency[0],
      across: paused?.levels.get(unit.id)?.across ?? unit.consistency[1],
      captured: captured.has(unit.id),
      bytes: choice.taken[at]?.holding.bytes ?? 0,
      paths: unit.paths.map(toText),
    })),
    credentials: facts.outside.filter((o) => o.kind === "credential").map((o) => o.name),
    left: choice.left.map(({ holding: { unit, context }, why }) => {
      const id = unitId(unit);
      return { unit: id, context, class: unit.class, why, rebuild: rebuild(id) };
    }),
    ...(paused === null ? {} : { barrier: paused.barrier }),
    ...(tries === null ? {} : { verify: tries.verified }),
  };
  const after = [
    ...(paused === null ? [] : [barrierText(paused.barrier)]),
    ...(tries === null ? [] : [verifiedText(tries.verified, "to be verified on a clone")]),
  ];
  session.say(plan, [table(rows(plan)), ...after].join("\n").trimEnd());
  const standing = paused === null ? null : () => stand(runtime, facts, choice, paused, units);
  const copy = (read: readonly UnitPlan[]) => captureUnits(runtime, facts, choice, captured, read);
  return {
    instance: facts.instance.name,
    units,
    stand: standing,
    copy,
    tell: verifiedText,
    verify: tries && ((read) => verify(runtime, facts, choice, tries, read)),
  };
}
