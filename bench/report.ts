/** Medians, ratios and verdicts, and how they are said in Markdown. */

import type { DataSet } from "./data/state.ts";
import type { Recipe, Row } from "./data.ts";
import { type Figure, median } from "./measure.ts";
import type { Round } from "./round.ts";

/** Below this many seconds nobody waits: the row counts as won. */
export const UNNOTICED_S = 0.3;
/** MiB that a backup and a restore may take at their peak. */
const MEMORY = { backup: 128, unchanged: 128, later: 128, restore: 256, one: 256, list: 128 };
/** Sizes that differ by less than this share are said to be even. */
const EVEN = 0.005;
/** Bytes a day of a database may add, in its dirty pages. */
const ADDED_PER_DIRTY = 1.3;
const US = "holdall";
const DATABASE = "database";
const MIB = 1 << 20;

export const TITLES: Record<Row, string> = {
  backup: "first backup",
  unchanged: "unchanged backup",
  later: "a later day",
  restore: "restore",
  one: "one file back",
  list: "list snapshots",
};

/** One column: a tool on one data set. */
export interface Column {
  readonly name: string;
  readonly rounds: Round[];
  failure?: string;
}

export interface Medians {
  readonly figures: Partial<Record<Row, Figure>>;
  readonly repository: number;
  readonly added: number | undefined;
}

export interface Verdict {
  readonly row: string;
  readonly ours: string;
  readonly peer: string;
  readonly theirs: string;
  /** Theirs in ours: above 1 is ahead. */
  readonly ratio: number;
  readonly won: boolean;
  readonly target: string;
}

export function medians(rounds: readonly Round[]): Medians {
  const figures: Partial<Record<Row, Figure>> = {};
  for (const row of Object.keys(TITLES) as Row[]) {
    const all = rounds.flatMap((round) => round.figures[row] ?? []);
    if (all.length === 0) continue;
    const of = (part: keyof Figure) => median(all.map((figure) => figure[part]));
    figures[row] = { wall: of("wall"), cpu: of("cpu"), peak: of("peak") };
  }
  const added = rounds.flatMap((round) => round.added ?? []);
  return {
    figures,
    repository: median(rounds.map((round) => round.repository)),
    added: added.length > 0 ? median(added) : undefined,
  };
}

export const seconds = (s: number): string => s.toFixed(s < 1 ? 3 : 2);
export const mib = (bytes: number): string => (bytes / MIB).toFixed(bytes < 10 * MIB ? 2 : 0);

interface Measure {
  readonly row: string;
  readonly of: (medians: Medians) => number | undefined;
  readonly say: (value: number) => string;
  readonly unnoticed: number;
  readonly target: (ours: number, ratio: number) => string;
}

/** Rows that are compared: wall seconds, then sizes, then memory. */
function measures(recipe: Recipe, set: DataSet): Measure[] {
  const rows = Object.entries(TITLES) as [Row, string][];
  const met = (is: boolean) => (is ? "met" : "missed");
  const wall = rows.map(([row, title]): Measure => {
    const target = recipe.targets[row];
    return {
      row: `${title}, s`,
      of: (m) => m.figures[row]?.wall,
      say: seconds,
      unnoticed: UNNOTICED_S,
      target: (ours, ratio) => {
        if (recipe.within) return `<= ${recipe.within} s: ${met(ours <= recipe.within)}`;
        if (target === undefined) return "";
        const unnoticed = ratio < target && ours < UNNOTICED_S;
        return `${target}x: ${unnoticed ? `under ${UNNOTICED_S} s` : met(ratio >= target)}`;
      },
    };
  });
  const size: Measure = {
    row: "repository, MiB",
    of: (m) => m.repository,
    say: mib,
    unnoticed: 0,
    target: (_, ratio) => `smallest: ${met(ratio >= 1)}`,
  };
  const inDirty = (bytes: number) => bytes / set.dirty;
  const added: Measure = {
    row: "later days add, MiB",
    of: (m) => m.added,
    say: mib,
    unnoticed: 0,
    target: (ours) =>
      recipe.name === DATABASE
        ? `${ADDED_PER_DIRTY} of the dirty pages: ${inDirty(ours).toFixed(2)}, ${met(inDirty(ours) <= ADDED_PER_DIRTY)}`
        : "",
  };
  const memory = rows.map(
    ([row, title]): Measure => ({
      row: `${title}, peak MiB`,
      of: (m) => m.figures[row]?.peak,
      say: (value) => value.toFixed(0),
      unnoticed: 0,
      target: (ours) => `<= ${MEMORY[row]}: ${met(ours <= MEMORY[row])}`,
    }),
  );
  return [...wall, size, added, ...memory];
}

/** Ours against the best of the peers in every row that both have. */
export function verdicts(recipe: Recipe, set: DataSet, columns: readonly Column[]): Verdict[] {
  const done = columns.filter((column) => column.rounds.length > 0);
  const all = new Map(done.map((column) => [column.name, medians(column.rounds)]));
  const us = all.get(US);
  if (us === undefined) return [];
  const peers = [...all].filter(([name]) => !name.startsWith(US));
  return measures(recipe, set).flatMap((measured): Verdict[] => {
    const ours = measured.of(us);
    const theirs = peers
      .map(([name, m]) => ({ name, value: measured.of(m) ?? Number.POSITIVE_INFINITY }))
      .sort((a, b) => a.value - b.value)[0];
    if (ours === undefined || theirs === undefined || !Number.isFinite(theirs.value)) return [];
    const ratio = theirs.value / ours;
    return [
      {
        row: measured.row,
        ours: measured.say(ours),
        peer: theirs.name,
        theirs: measured.say(theirs.value),
        ratio,
        won: ratio >= 1 || ours < measured.unnoticed,
        target: measured.target(ours, ratio),
      },
    ];
  });
}

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${line(head)}|${"---|".repeat(head.length)}\n${rows.map(line).join("")}`;
}

/** All columns of one data set, then the verdicts. */
export function markdown(recipe: Recipe, set: DataSet, columns: readonly Column[]): string {
  const rows = recipe.rows.filter((row) => columns.some((c) => c.rounds[0]?.figures[row]));
  const done = columns.filter((column) => column.rounds.length > 0);
  const cells = done.map(({ name, rounds }) => {
    const m = medians(rounds);
    const figures = rows.map((row) => {
      const figure = m.figures[row];
      if (figure === undefined) return "-";
      return `${seconds(figure.wall)} (${seconds(figure.cpu)}, ${figure.peak.toFixed(0)})`;
    });
    const added = m.added === undefined ? [] : [mib(m.added)];
    return [name, ...figures, mib(m.repository), ...added];
  });
  const added = rows.includes("later") ? ["later days add, MiB"] : [];
  const head = ["", ...rows.map((row) => TITLES[row]), "repository, MiB", ...added];
  // Elsewhere files move between names, and a page that moved is not a dirty one.
  const dirty =
    recipe.name === DATABASE ? `; its day dirties ${mib(set.dirty)} MiB of 4 KiB pages` : "";
  const failures = columns.flatMap(({ name, failure }) =>
    failure === undefined ? [] : [`- ${name} failed: ${failure}\n`],
  );
  const judged = verdicts(recipe, set, columns).map((v) => [
    v.row,
    v.ours,
    `${v.theirs} (${v.peer})`,
    said(v),
    v.target,
  ]);
  return [
    `## ${recipe.name}\n\n${recipe.about}: ${set.files} files, ${mib(set.bytes)} MiB, ${set.days} day(s)${dirty}\n\n`,
    table(head, cells),
    failures.length > 0 ? `\n${failures.join("")}` : "",
    judged.length > 0 ? `\n${table(["", US, "best peer", "verdict", "target"], judged)}` : "",
    "\n",
  ].join("");
}

function said({ ratio, won }: Verdict): string {
  if (Math.abs(ratio - 1) < EVEN) return `even (${((1 / ratio - 1) * 100).toFixed(2)} %)`;
  if (ratio > 1) return `ahead ${ratio.toFixed(2)}x`;
  return won ? `won (under ${UNNOTICED_S} s)` : `**behind ${(1 / ratio).toFixed(2)}x**`;
}
