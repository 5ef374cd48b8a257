/**
 * One schedule: a store with some history, processes that use it at once, and what must hold.
 *
 * Whoever is killed has a successor, a new process with the same task; clocks of all processes are
 * wrong by up to decades, each in its own way.
 */
import {
  backup,
  hex,
  init,
  openMemoryStore,
  openRepository,
  type Repository,
  type Runtime,
  retry,
  type Secret,
  toFailure,
} from "../../src/index.ts";
import { type Chance, chance } from "./chance.ts";
import { type Auditor, auditor, type Ledger, tagOf } from "./ledger.ts";
import type { Quiet } from "./quiet.ts";
import { type Actor, type Ask, Scheduler } from "./scheduler.ts";
import { FILES, leftOut, SOURCE } from "./source.ts";
import { type Shelf, scheduledStore, shelf } from "./store.ts";

const SECRET: Secret = { kind: "keyfile", bytes: Buffer.alloc(32, 0x5a) };
const NOW = Date.UTC(2026, 0, 1);
const YEAR = 365 * 24 * 3600_000;

export interface Ground {
  readonly bases: ReadonlyMap<string, Buffer>[];
  readonly quiet: Quiet;
  readonly auditor: Auditor;
}

export interface Outcome {
  readonly trace: string;
  readonly steps: number;
  readonly wrong: string | null;
  readonly log: readonly string[];
  readonly acknowledged: number;
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
        now += milliseconds;
      },
    },
    random: (n) => own.bytes(n),
    emit: () => undefined,
  };
}

export async function ground(folder: string, quiet: Quiet): Promise<Ground> {
  const runtime = runtimeOf(chance(7), new AbortController().signal, 0, async () => undefined);
  const objects = new Map<string, Buffer>();
  await init(runtime, openMemoryStore(objects), SECRET);
  return { bases: [objects], quiet, auditor: auditor(folder, SECRET, runtime) };
}

interface World {
  readonly shelf: Shelf;
  readonly ledger: Ledger;
  readonly chance: Chance;
}

type Task = (runtime: Runtime, repository: Repository, world: World) => Promise<void>;

const some = (chance: Chance) => 1 + chance.below((1 << FILES) - 1);

function save(mask: number, host: string): Task {
  return async (runtime, repository, { ledger }) => {
    const { snapshot } = await backup(runtime, repository, {
      paths: [Buffer.from(SOURCE)],
      exclude: leftOut(mask),
      tags: [tagOf(mask)],
      host,
      workers: 1,
      tool: "schedule",
    });
    if (runtime.signal.aborted) return;
    const id = hex(snapshot.id);
    ledger.promised.set(id, { id, mask, mayGo: false });
  };
}

const asleep = (milliseconds: number): Ask => ({
  what: `sleeps ${Math.round(milliseconds)} ms`,
  effect: () => undefined,
  changes: false,
  opens: false,
});

const CODES = ["store_io", "object_exists"];

export async function runSchedule(seed: number, at: Ground): Promise<Outcome> {
  const own = chance(seed);
  const weather = {
    change: own.pick([0.02, 0.1, 0.3, 0.7]),
    kill: own.pick([0, 0.004, 0.02]),
    doubt: own.pick([0, 0, 0.03, 0.15]),
    kills: own.below(4),
  };
  const scheduler = new Scheduler(own.fork(1), weather, at.quiet);
  const world: World = {
    shelf: shelf(at.bases[own.below(at.bases.length)] ?? new Map()),
    ledger: { promised: new Map() },
    chance: own.fork(2),
  };
  let born = 0;
  const hire = (name: string, task: Task) => {
    const salt = 100 + born++;
    const years = own.pick([0, 0, -30, 12.5, 60]);
    const act = async (actor: Actor) => {
      const doze: Sleep = (ms) => scheduler.ask(actor, asleep(ms));
      const runtime = runtimeOf(own.fork(salt), actor.abort.signal, years, doze);
      const bare = scheduledStore(world.shelf, scheduler, actor);
      const store = own.fork(salt).odds(0.5) ? retry(bare, runtime) : bare;
      await using repository = await openRepository(store, SECRET, runtime);
      await task(runtime, repository, world);
    };
    scheduler.add(name, act, () => {
      if (born < 12) hire(`${name}'`, task);
    });
  };
  for (let i = 0, n = 2 + own.below(3); i < n; i++)
    hire(`w${i}`, save(some(own), own.pick(["a", "b"])));
  let wrong: string | null = null;
  const note = (error: unknown) => {
    wrong ??= (error as Error).message;
  };
  await scheduler
    .run(async () => {
      if (own.odds(0.01)) await at.auditor.audit(world.shelf, world.ledger);
    })
    .catch(note);
  for (const { actor, error } of scheduler.failures) {
    const { code, message } = toFailure(error);
    if (!CODES.includes(code)) note(new Error(`${actor}: ${code}: ${message}`));
  }
  await at.auditor.check(world.shelf, world.ledger).catch(note);
  const { log, steps } = scheduler;
  const acknowledged = world.ledger.promised.size;
  return { trace: scheduler.digest(), steps, wrong, log, acknowledged };
}
