/**
 * One schedule: a store with some history, processes that use it at once, and what must hold.
 *
 * Whoever is killed has a successor, a new process with the same task; clocks of all processes are
 * wrong by up to decades, each in its own way.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  init,
  openMemoryStore,
  openRepository,
  type Runtime,
  retry,
  type Secret,
  type Store,
  toFailure,
} from "../../src/index.ts";
import { type Chance, chance } from "../support/chance.ts";
import { type Auditor, auditor } from "./auditor.ts";
import { Ledger } from "./ledger.ts";
import { compare, type Shelf, shelf } from "./mirror.ts";
import type { Quiet } from "./quiet.ts";
import { type Actor, type Ask, Scheduler, type Weather } from "./scheduler.ts";
import { scheduledStore } from "./store.ts";
import * as tasks from "./tasks.ts";

const SECRET: Secret = { kind: "keyfile", bytes: Buffer.alloc(32, 0x5a) };
const NOW = Date.UTC(2026, 0, 1);
const YEAR = 365 * 24 * 3600_000;
/** Processes of one schedule at most, successors among them. */
const MOST = 14;

/** What all schedules of a process start from. */
export interface Ground {
  readonly folder: string;
  readonly quiet: Quiet;
  readonly auditor: Auditor;
  readonly bases: readonly Base[];
  /** Where the next schedule's world lies, if not in memory only. */
  readonly far: (() => () => Store) | undefined;
}

interface Base {
  readonly objects: ReadonlyMap<string, Buffer>;
  readonly ledger: Ledger;
}

export interface Outcome {
  readonly trace: string;
  readonly steps: number;
  readonly acknowledged: number;
  readonly wrong: string | null;
  readonly log: readonly string[];
}

type Sleep = (milliseconds: number) => Promise<unknown>;

/** A clock that is wrong by so many years, and stands still between two sleeps. */
function runtimeOf(own: Chance, signal: AbortSignal, years: number, sleep: Sleep): Runtime {
  let now = NOW + Math.round(years * YEAR);
  return {
    signal,
    clock: {
      now: () => now,
      async sleep(milliseconds) {
        await sleep(milliseconds);
        now += Math.ceil(milliseconds);
      },
    },
    random: (n) => own.bytes(n),
    emit: () => undefined,
  };
}

/** Histories: nothing yet; one snapshot; two, one of them forgotten. */
export async function ground(folder: string, quiet: Quiet, far: Ground["far"]): Promise<Ground> {
  mkdirSync(folder, { recursive: true });
  const own = chance(7);
  const runtime = runtimeOf(own, new AbortController().signal, 0, async () => undefined);
  const objects = new Map<string, Buffer>();
  const ledger = new Ledger();
  await init(runtime, openMemoryStore(objects), SECRET);
  const bases: Base[] = [];
  const keep = () => bases.push({ objects: new Map(objects), ledger: ledger.copy() });
  const act = async (task: tasks.Task) => {
    const repository = await openRepository(openMemoryStore(objects), SECRET, runtime);
    await task(runtime, repository, { ledger, place: () => join(folder, "none") }, own);
    keep();
  };
  keep();
  const empty = new Map(objects);
  await act(tasks.saves(0b111, "a"));
  await act(tasks.forgetsOne);
  await act(tasks.saves(0b110, "b"));
  return { folder, quiet, auditor: auditor(folder, SECRET, runtime, empty), bases, far };
}

const asleep = (milliseconds: number): Ask => ({
  what: `sleeps ${Math.round(milliseconds)} ms`,
  effect: () => undefined,
  changes: false,
  opens: false,
});

type Cast = [name: string, task: tasks.Task][];

/** As few as it takes: a writer that wants what is there, and who would take it away. */
function duel(own: Chance): Cast {
  const out: Cast = [["writer", tasks.saves(1 + own.below(0b111), "a")]];
  for (let n = 1 + own.below(2); n > 0; n--) out.push([`condemner ${n}`, tasks.condemns]);
  if (own.odds(0.5)) out.push(["forgetter", tasks.forgetsOne]);
  if (own.odds(0.2)) out.push(["prune", tasks.prunes]);
  if (own.odds(0.2)) out.push(["retention", tasks.retains(1)]);
  return out;
}

/** Several writers that share some of what they save, and everybody else now and then. */
function crowd(own: Chance): Cast {
  const out: Cast = [];
  const hosts = ["a", "b"] as const;
  for (let n = 1 + own.below(3); n > 0; n--) {
    out.push([`writer ${n}`, tasks.saves(tasks.some(own), own.pick(hosts))]);
  }
  for (let n = own.below(3); n > 0; n--) out.push([`prune ${n}`, tasks.prunes]);
  if (own.odds(0.3)) out.push(["condemner", tasks.condemns]);
  if (own.odds(0.6)) out.push(["forgetter", tasks.forgetsOne]);
  if (own.odds(0.2)) out.push(["retention", tasks.retains(1)]);
  if (own.odds(0.2)) out.push(["undelete", tasks.undeletes]);
  if (own.odds(0.1)) out.push(["check", tasks.checks]);
  if (own.odds(0.15)) out.push(["restore", tasks.restores]);
  return out;
}

function weatherOf(own: Chance): Weather {
  return {
    change: own.pick([0.02, 0.1, 0.3, 0.7]),
    kill: own.pick([0, 0.004, 0.02]),
    doubt: own.pick([0, 0, 0.03, 0.15]),
    kills: own.below(4),
    short: own.pick([0, 0, 0.3]),
  };
}

/** Failures that a process may end with: its store's, and that others would not wait for it. */
const ORDINARY = ["store_io", "object_exists", "claims_open", "fenced"];

/** The id that a tombstone's name ends with. */
const TOMBSTONE = /^tombstones\/.*-([0-9a-f]{32})$/;

function hire(at: Ground, own: Chance, scheduler: Scheduler, place: Shelf, ledger: Ledger) {
  let born = 0;
  const begin = (name: string, task: tasks.Task) => {
    const salt = 100 + born++;
    const years = own.pick([0, 0, -30, 12.5, 60]);
    const out = join(at.folder, `out-${salt}`);
    const act = async (actor: Actor) => {
      const mine = own.fork(salt);
      const doze: Sleep = (ms) => scheduler.ask(actor, asleep(ms));
      const runtime = runtimeOf(own.fork(salt), actor.abort.signal, years, doze);
      const bare = scheduledStore(place, scheduler, actor, (object) => {
        const id = TOMBSTONE.exec(object)?.[1];
        if (id !== undefined && name.startsWith("retention")) ledger.release(id);
      });
      const store = mine.odds(0.5) ? retry(bare, runtime) : bare;
      try {
        await using repository = await openRepository(store, SECRET, runtime);
        await task(runtime, repository, { ledger, place: () => out }, mine);
      } finally {
        rmSync(out, { recursive: true, force: true });
      }
    };
    scheduler.add(name, act, () => {
      if (born < MOST) begin(`${name}'`, task);
    });
  };
  for (const [name, task] of own.odds(0.6) ? duel(own) : crowd(own)) begin(name, task);
}

export async function runSchedule(seed: number, at: Ground): Promise<Outcome> {
  const own = chance(seed);
  const scheduler = new Scheduler(own.fork(1), weatherOf(own), at.quiet);
  const base = at.bases[own.below(at.bases.length)];
  if (base === undefined) throw new Error("no ground");
  const [place, ledger] = [await shelf(base.objects, at.far?.()), base.ledger.copy()];
  hire(at, own, scheduler, place, ledger);
  let wrong: string | null = null;
  const note = (error: unknown) => {
    wrong ??= (error as Error).message;
  };
  const between = async () => {
    if (own.odds(0.002)) await at.auditor.audit(place.objects, ledger);
  };
  await scheduler.run(between).catch(note);
  for (const { actor, error } of scheduler.failures) {
    const { code, message } = toFailure(error);
    if (!ORDINARY.includes(code)) note(new Error(`${actor}: ${code}: ${message}`));
  }
  await compare(place).catch(note);
  await at.auditor.settle(place.objects, ledger).catch(note);
  const { log, steps } = scheduler;
  return { trace: scheduler.digest(), steps, wrong, log, acknowledged: ledger.promised.size };
}
