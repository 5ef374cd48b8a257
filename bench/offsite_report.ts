/** What each tool's steps cost with a server, and how holdall stands to the best of the others. */
import type { Row } from "./data.ts";
import { type Figure, median } from "./measure.ts";
import { mib, seconds, TITLES, table } from "./report.ts";
import type { Counts } from "./way.ts";

export interface Cost extends Figure, Counts {}

export interface FarColumn {
  readonly name: string;
  readonly rounds: Partial<Record<Row, Cost>>[];
  failure?: string;
}

export const NOTHING: Cost = { wall: 0, cpu: 0, peak: 0, requests: 0, up: 0, down: 0 };

/** Two steps that follow one another. */
export const plus = (a: Cost, b: Cost): Cost => ({
  wall: a.wall + b.wall,
  cpu: a.cpu + b.cpu,
  peak: Math.max(a.peak, b.peak),
  requests: a.requests + b.requests,
  up: a.up + b.up,
  down: a.down + b.down,
});

const ROWS = ["backup", "unchanged", "later", "restore", "one"] as const;
const US = "holdall";
/** Differences below this share are said to be even. */
const EVEN = 0.005;

interface Measure {
  readonly title: string;
  readonly of: (cost: Cost) => number;
  readonly say: (value: number) => string;
}

const whole = (value: number): string => value.toFixed(0);
const MEASURES: readonly Measure[] = [
  { title: "s", of: (c) => c.wall, say: seconds },
  { title: "requests", of: (c) => c.requests, say: whole },
  { title: "MiB up and down", of: (c) => c.up + c.down, say: mib },
];

function medianOf({ rounds }: FarColumn, row: Row): Cost | undefined {
  const all = rounds.flatMap((round) => round[row] ?? []);
  if (all.length === 0) return undefined;
  const of = (part: keyof Cost) => median(all.map((cost) => cost[part]));
  return {
    ...{ wall: of("wall"), cpu: of("cpu"), peak: of("peak") },
    ...{ requests: of("requests"), up: of("up"), down: of("down") },
  };
}

/** A table of all that was measured, then holdall against the best of the others. */
export function markdown(title: string, columns: readonly FarColumn[]): string {
  const done = columns.filter((column) => column.rounds.length > 0);
  const cells = done.map((column) => [
    column.name,
    ...ROWS.map((row) => {
      const cost = medianOf(column, row);
      if (cost === undefined) return "-";
      const traffic = `${whole(cost.requests)} requests, ${mib(cost.up)} up, ${mib(cost.down)} down`;
      return `${seconds(cost.wall)} s (${seconds(cost.cpu)} CPU, ${whole(cost.peak)} MiB); ${traffic}`;
    }),
  ]);
  const failures = columns.flatMap(({ name, failure }) =>
    failure === undefined ? [] : [`- ${name} failed: ${failure}\n`],
  );
  const judged = verdicts(done);
  return [
    `## ${title}\n\n`,
    table(["", ...ROWS.map((row) => TITLES[row])], cells),
    failures.length > 0 ? `\n${failures.join("")}` : "",
    judged.length > 0 ? `\n${table(["", US, "best peer", "verdict"], judged)}` : "",
    "\n",
  ].join("");
}

function verdicts(columns: readonly FarColumn[]): string[][] {
  const us = columns.find(({ name }) => name === US);
  const peers = columns.filter(({ name }) => !name.startsWith(US));
  if (us === undefined) return [];
  return ROWS.flatMap((row) =>
    MEASURES.flatMap(({ title, of, say }) => {
      const cost = medianOf(us, row);
      const [best] = peers
        .flatMap((peer) => {
          const theirs = medianOf(peer, row);
          return theirs === undefined ? [] : [{ name: peer.name, value: of(theirs) }];
        })
        .sort((a, b) => a.value - b.value);
      if (cost === undefined || best === undefined) return [];
      const [ours, ratio] = [of(cost), best.value / of(cost)];
      const named = `${say(best.value)} (${best.name})`;
      return [[`${TITLES[row]}, ${title}`, say(ours), named, verdict(ratio)]];
    }),
  );
}

function verdict(ratio: number): string {
  if (Math.abs(ratio - 1) < EVEN) return "even";
  return ratio > 1 ? `ahead ${ratio.toFixed(2)}x` : `**behind ${(1 / ratio).toFixed(2)}x**`;
}
