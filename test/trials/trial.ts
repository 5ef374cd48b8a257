/**
 * One trial: drivers run, everybody is stopped, cut and continued, and goes on; then what was cut
 * runs as an instance of its own and the oracle says what is wrong with it.
 */
import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { begun, largestGap, readJournal, type Span } from "../demo/chain.ts";
import { checkDemo } from "../demo/check.ts";
import { startDemo } from "../demo/demo.ts";
import { momentsOf } from "../demo/moments.ts";
import type { Moments, Report } from "../demo/oracle.ts";
import { isGone, know } from "../demo/processes.ts";
import { noise } from "../support/noise.ts";
import { type Copied, cutTo, type Planned, planned } from "./cut.ts";
import type { Ground } from "./ground.ts";

export interface Outcome {
  readonly seed: number;
  readonly freezer: string;
  /** Operations begun between the first stop and the last; none make the trial void. */
  readonly begun: number;
  readonly report: Report;
  /** By service, from its first stop to the last continue, in milliseconds. */
  readonly pauses: Readonly<Record<string, number>>;
  /** The largest gap between acknowledgements that reaches into the window, in milliseconds. */
  readonly gap: number;
}

/** Ends a copy, of which nothing is wanted any more. */
async function kill(pid: number): Promise<void> {
  const known = know(pid);
  if (known === null) return;
  process.kill(pid, "SIGKILL");
  if (!(await isGone(known, 10)))
    throw new Error(`the copy's supervisor (pid ${pid}) does not end`);
}

/** Starts what lies at a root and judges it. */
async function judged(
  { demo }: Ground,
  root: string,
  journal: string,
  moments: Moments,
): Promise<Report> {
  const { seed } = demo.place;
  const services = demo.services;
  const copy = await startDemo({ root, seed, services, broken: true, patience: 20 });
  try {
    return await checkDemo(root, journal, moments);
  } finally {
    await kill(copy.supervisor.pid);
    for (const path of [root, `${root}.journal`]) rmSync(path, { recursive: true, force: true });
  }
}

const nanoseconds = (time: number) => BigInt(Math.round(time));

/** `cutting` is what the product does, unless a control does it otherwise. */
export async function trial(
  ground: Ground,
  seed: number,
  cutting: (now: Planned, to: string) => Promise<Copied> = cutTo,
): Promise<Outcome> {
  const { demo } = ground;
  const wait = noise(seed, 1)[0] ?? 0;
  const journal = ground.fresh("journals/trial");
  const root = ground.fresh("copy");
  await demo.drivers.start(journal);
  let copied: Awaited<ReturnType<typeof cutting>>;
  try {
    await sleep(200 + 2 * wait);
    copied = await cutting(await planned(demo.root), root);
    await sleep(150);
  } finally {
    await demo.drivers.stop();
  }
  const { cut, freezer } = copied;
  const report = await judged(ground, root, journal, momentsOf(cut));
  const lines = readJournal(journal);
  const window: Span = [nanoseconds(cut.first), nanoseconds(cut.last)];
  const pauses = [...cut.stopped].map(([name, [from]]) => [name, (cut.last - from) / 1e6] as const);
  return {
    seed,
    freezer,
    begun: begun(lines, [nanoseconds(cut.first), nanoseconds(cut.all)]),
    report,
    pauses: Object.fromEntries(pauses),
    gap: Math.max(...lines.map((line) => largestGap(line, window))),
  };
}
