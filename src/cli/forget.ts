/** `holdall forget` */
import {
  Failure,
  type ForgetResult,
  forget,
  type Grouping,
  type GroupPlan,
  hex,
  type Policy,
  type Snapshot,
  shown,
} from "../index.ts";
import { integer, span } from "./arguments.ts";
import { filterOf, type SelectFlags } from "./select.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";
import { count, table } from "./words.ts";

interface ForgetFlags extends Flags, SelectFlags {
  keepLast?: string;
  keepHourly?: string;
  keepDaily?: string;
  keepWeekly?: string;
  keepMonthly?: string;
  keepYearly?: string;
  keepWithin?: string;
  keepTag?: string[];
  groupBy?: string;
  empty?: boolean;
  dryRun?: boolean;
}

const COUNTS = {
  last: "keepLast",
  hourly: "keepHourly",
  daily: "keepDaily",
  weekly: "keepWeekly",
  monthly: "keepMonthly",
  yearly: "keepYearly",
} as const;

function policyOf(flags: ForgetFlags): Policy {
  const counts = Object.entries(COUNTS).flatMap(([field, flag]) => {
    const text = flags[flag];
    const name = `--keep-${field}`;
    return text === undefined ? [] : [[field, integer(text, name, 0, 1e9)] as const];
  });
  return {
    ...Object.fromEntries(counts),
    ...(flags.keepWithin === undefined ? {} : { within: span(flags.keepWithin, "--keep-within") }),
    tags: flags.keepTag ?? [],
    mayEmpty: flags.empty ?? false,
  };
}

const GROUPINGS: readonly string[] = ["host", "paths", "tags"] satisfies Grouping[];

function isGrouping(text: string): text is Grouping {
  return GROUPINGS.includes(text);
}

function groupingOf(text: string): Grouping[] {
  const words = text === "none" ? [] : text.split(",");
  const wrong = words.find((word) => !isGrouping(word));
  if (wrong !== undefined) {
    throw new Failure("usage", `--group-by ${text}: give some of host,paths,tags, or none`);
  }
  return words.filter(isGrouping);
}

export async function run(flags: ForgetFlags, operands: string[]): Promise<number> {
  const policy = policyOf(flags);
  const given = Object.values(policy).some((v) => v !== false && !(Array.isArray(v) && !v.length));
  if (operands.length > 0 === given) {
    throw new Failure(
      "usage",
      "forget: name snapshots, or give a policy with --keep-..., not both",
    );
  }
  const groupBy = groupingOf(flags.groupBy ?? "host,paths");
  const session = new Session(flags);
  await using repository = await session.open();
  const { snapshots } = await repository.snapshots();
  const dryRun = flags.dryRun ?? false;
  const what = given ? { policy, groupBy, filter: filterOf(flags) } : { snapshots: operands };
  const result = await forget(session.runtime, repository, { ...what, dryRun });
  session.say({ event: "forget", ...result }, text(result, snapshots));
  return result.groups.some((g) => g.refused !== null) ? 3 : 0;
}

function text({ forgotten, groups, dryRun }: ForgetResult, snapshots: Snapshot[]): string {
  const times = new Map(snapshots.map((s) => [hex(s.id), s.time]));
  const done = dryRun ? "would be forgotten" : "forgotten";
  const parts = groups.map((group) => groupText(group, times));
  return [...parts, `${count(forgotten.length, "snapshot")} ${done}`].join("\n\n");
}

function groupText(group: GroupPlan, times: ReadonlyMap<string, number>): string {
  const rows = group.verdicts.map(({ id, keep, reasons }) => [
    keep ? "keep  " : "forget",
    id.slice(0, 8),
    new Date(times.get(id) ?? 0).toISOString().slice(0, 19).replace("T", " "),
    reasons.join(", "),
  ]);
  const head = `${shown(group.host)}: ${group.paths.map((path) => shown(path)).join(" ")}`;
  const refused = group.refused === null ? [] : [`nothing is forgotten here: ${group.refused}`];
  return [head, table(rows), ...refused].join("\n");
}
