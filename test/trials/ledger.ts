/** The ledger of trials: a row each, and what the rows of each freezer come to. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Finding } from "../demo/oracle.ts";
import type { Outcome } from "./trial.ts";

const KINDS = ["lost", "torn", "order", "after"] as const satisfies Finding["kind"][];

/** One trial as it is written down; times in milliseconds. */
const COLUMNS = [
  ...(["seed", "freezer", "begun", "promised", "forbidden", "present"] as const),
  ...KINDS,
  ...(["pause", "gap"] as const),
];
export type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

export function row({ seed, freezer, begun, report, pauses, gap }: Outcome): Row {
  const { promised, forbidden, present, findings } = report;
  const count = (kind: Finding["kind"]) => String(findings.filter((f) => f.kind === kind).length);
  return {
    ...{ seed: String(seed), freezer, begun: String(begun), promised: String(promised) },
    ...{ forbidden: String(forbidden), present: String(present) },
    ...{ lost: count("lost"), torn: count("torn"), order: count("order"), after: count("after") },
    ...{ pause: Math.max(0, ...Object.values(pauses)).toFixed(0), gap: gap.toFixed(0) },
  };
}

function span(rows: readonly Row[], name: "pause" | "gap"): string {
  const sorted = rows.map((one) => Number(one[name])).sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return `${name} median ${middle} ms, longest ${sorted.at(-1)} ms`;
}

/** What the trials of each freezer come to; one in which no operation was begun is void. */
export function summary(rows: readonly Row[]): string[] {
  return [...new Set(rows.map(({ freezer }) => freezer))].map((freezer) => {
    const own = rows.filter((one) => one.freezer === freezer);
    const sums = KINDS.map((kind) => `${own.reduce((n, o) => n + Number(o[kind]), 0)} ${kind}`);
    const idle = own.filter(({ begun }) => begun === "0").length;
    const counts = `${own.length} trials, ${idle} void: ${sums.join(", ")}`;
    return `- ${freezer}: ${counts}; ${span(own, "pause")}; ${span(own, "gap")}`;
  });
}

/** Columns as wide as their widest cell, which is how tables are kept here. */
function table(rows: readonly Row[]): string[] {
  const widths = COLUMNS.map((name) =>
    Math.max(3, name.length, ...rows.map((one) => one[name].length)),
  );
  const words = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = words(widths.map((width) => "-".repeat(width)));
  return [words(COLUMNS), rule, ...rows.map((one) => words(COLUMNS.map((name) => one[name])))];
}

function rowsOf(text: string): Row[] {
  const lines = text.split("\n").filter((line) => /^\| \d/.test(line));
  return lines.map((line) => {
    const cells = line.split("|").map((cell) => cell.trim());
    return Object.fromEntries(COLUMNS.map((name, at) => [name, cells[at + 1] ?? ""])) as Row;
  });
}

const rowsIn = (file: string): Row[] =>
  existsSync(file) ? rowsOf(readFileSync(file, "utf8")) : [];

/** The seeds whose trials are written down in a file, which may be there or not. */
export const seedsIn = (file: string): ReadonlySet<number> =>
  new Set(rowsIn(file).map(({ seed }) => Number(seed)));

/** Puts a row in its place by its seed, in a file that may be there or not. */
export function writeDown(file: string, added: Row): void {
  const before = rowsIn(file);
  const rows = [...before.filter(({ seed }) => seed !== added.seed), added];
  rows.sort((a, b) => Number(a.seed) - Number(b.seed));
  const text = [
    "# Trials of the barrier\n",
    "Written by `HOLDALL_TRIALS=200` (see `barrier.test.ts`); times in milliseconds. `begun`: operations",
    "between the first stop and the last; `promised` and `forbidden`: what the oracle asks for.\n",
    ...summary(rows),
    "",
    ...table(rows),
  ];
  writeFileSync(file, `${text.join("\n")}\n`);
}
