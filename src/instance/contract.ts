/** What is promised of every unit of some services, as a table for documents. */
import type { Service, StateUnit } from "./descriptor.ts";
import { crashSafeOf } from "./engines.ts";
import { isSaved } from "./inventory.ts";

const HEADS = [
  ...["unit", "paths", "engine", "class", "contexts by", "saved", "crash-safe", "before the cut"],
  ...["cut with", "copied by", "stops by", "descriptor"],
];

function before({ flush, drain }: StateUnit): string {
  const steps = (flush?.steps ?? []).map((step) =>
    step.kind === "wait" ? `wait ${step.milliseconds} ms` : `${step.kind} step`,
  );
  const quiet = drain === null ? [] : [`unchanged for ${drain.steady} ms`];
  return [...steps, ...quiet].join(", then ") || "-";
}

function stops({ stop }: Service): string {
  if (stop === null) return "-";
  return stop.exit === null ? stop.signal : `${stop.signal}, exit ${stop.exit}`;
}

function cells(service: Service, unit: StateUnit): string[] {
  return [
    `${service.name}/${unit.id}`,
    unit.paths.map((path) => `\`${path}\``).join(" "),
    unit.engine,
    unit.class,
    unit.separation,
    isSaved(unit) ? "yes" : "no",
    crashSafeOf(unit) ?? "unknown",
    before(unit),
    unit.cutWith.join(" ") || "-",
    unit.capture?.commands.map(([program]) => program).join(", ") ?? "-",
    stops(service),
    service.origin,
  ];
}

const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;

/** A Markdown table, a line for each unit. */
export function contract(services: readonly Service[]): string {
  const rows = services.flatMap((service) => service.units.map((unit) => cells(service, unit)));
  return [HEADS, HEADS.map(() => "---"), ...rows].map(line).join("\n");
}
