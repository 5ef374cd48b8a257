/** `holdall backup --instance`: what is taken and what is not, then the snapshot. */
import {
  type BackupOptions,
  choose,
  Failure,
  type HoldallEvent,
  inventory,
  livePlans,
  shown,
  toText,
} from "../index.ts";
import { absolute } from "./arguments.ts";
import type { Session } from "./session.ts";
import { cacheBase, type Flags } from "./settings.ts";
import { size, table } from "./words.ts";

export interface InstanceFlags extends Flags {
  instance?: string;
  service?: string[];
  context?: string[];
  /** False for `--no-pause`. */
  pause?: boolean;
}

type Plan = Extract<HoldallEvent, { event: "plan" }>;

function rows({ taken, left, credentials }: Plan): string[][] {
  return [
    ...taken.map((t) => [
      "take",
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

/** Units and name of the instance for a backup's options; tells first what they are. */
export async function unitsOf(
  session: Session,
  flags: InstanceFlags,
): Promise<Pick<BackupOptions, "units" | "instance">> {
  if (flags.pause !== false) {
    throw new Failure(
      "usage",
      "services cannot be made to stand still yet: give --no-pause to read them while they run",
    );
  }
  const root = absolute(flags.instance ?? "").toString("utf8");
  const cache = flags.cache === false ? {} : { cache: cacheBase() };
  const { inventory: found, facts } = await inventory(session.runtime, root, cache);
  const choice = choose(facts, {
    ...(flags.service === undefined ? {} : { services: flags.service }),
    ...(flags.context === undefined ? {} : { contexts: flags.context }),
  });
  const units = livePlans(facts, choice);
  const rebuild = (unit: string) =>
    found.rows.find((row) => `${row.service}/${row.unit}` === unit)?.rebuild ?? "";
  const plan: Plan = {
    event: "plan",
    instance: facts.instance.name,
    taken: units.map((unit, at) => ({
      unit: unit.id,
      context: unit.context,
      class: unit.class,
      inside: unit.consistency[0],
      across: unit.consistency[1],
      bytes: choice.taken[at]?.holding.bytes ?? 0,
      paths: unit.paths.map(toText),
    })),
    credentials: facts.outside.filter((o) => o.kind === "credential").map((o) => o.name),
    left: choice.left.map(({ holding: { unit, context }, why }) => {
      const id = `${unit.service}/${unit.id}`;
      return { unit: id, context, class: unit.class, why, rebuild: rebuild(id) };
    }),
  };
  session.say(plan, table(rows(plan)));
  return { units, instance: facts.instance.name };
}
