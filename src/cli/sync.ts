/** `holdall sync` */
import { hostname } from "node:os";
import {
  costOf,
  Failure,
  type HoldallEvent,
  hex,
  LEAST_MEMORY,
  type Repository,
  readonly,
  refuseAbove,
  type Store,
  type SyncCost,
  type SyncOptions,
  type SyncPlan,
  type SyncResult,
  selectSnapshot,
  shown,
  sync,
  Traffic,
} from "../index.ts";
import { integer } from "./arguments.ts";
import { packSize } from "./pack_size.ts";
import { filterOf, type SelectFlags } from "./select.ts";
import { Session } from "./session.ts";
import { type Flags, findRepository, type Place } from "./settings.ts";
import { count, duration, size } from "./words.ts";

interface SyncFlags extends Flags, SelectFlags, FromFlags {
  last?: string;
  wholePacks?: string;
  dryRun?: boolean;
  maxCost?: string;
  level?: string;
  memory?: string;
  packSize?: string;
}

type Told = Extract<HoldallEvent, { event: "sync" }>;

/** One side of a sync. */
export interface Side {
  readonly place: Place;
  readonly repository: Repository;
  readonly traffic: Traffic;
}

export async function run(flags: SyncFlags, operands: string[]): Promise<number> {
  const [from, to, ...names] = operands;
  if (from === undefined || to === undefined) {
    throw new Failure("usage", "say from where and to where: holdall sync FROM TO");
  }
  const session = new Session({ ...flags, repository: to });
  await using source = await openFrom(session, from, flags);
  await using target = await openTo(session, to);
  const selection = await selectionOf(session, source.repository, names, flags);
  return copy(session, source, target, { ...optionsOf(session, flags), selection }, flags);
}

/** Flags that open FROM alone. */
export interface FromFlags {
  fromPassphraseFile?: string;
  fromKeyfile?: string;
}

/** Opens what is only read: by secrets of its own where it was given any. */
export function openFrom(
  session: Session,
  address: string,
  flags: FromFlags,
): Promise<Side & AsyncDisposable> {
  const { fromPassphraseFile: passphraseFile, fromKeyfile: keyfile } = flags;
  const own = {
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    ...(keyfile === undefined ? {} : { keyfile }),
  };
  const given = Object.keys(own).length > 0;
  return openSide(session, address, readonly, given ? own : undefined);
}

/** Opens what is written to: by the secret that the config file has for it, or the flags' one. */
export function openTo(session: Session, address: string): Promise<Side & AsyncDisposable> {
  return openSide(session, address, (store) => store);
}

async function openSide(
  session: Session,
  address: string,
  guard: (store: Store) => Store,
  secret?: Flags,
): Promise<Side & AsyncDisposable> {
  const place = findRepository({ repository: address });
  const traffic = new Traffic();
  const store = guard(session.store(place, traffic));
  const flags = secret ?? session.flags;
  const repository = await session.open(place, store, flags, secret === undefined);
  const dispose = () => repository[Symbol.asyncDispose]();
  return { place, repository, traffic, [Symbol.asyncDispose]: dispose };
}

async function selectionOf(
  session: Session,
  from: Repository,
  names: readonly string[],
  flags: SyncFlags,
) {
  const filter = filterOf(flags);
  const last = flags.last === undefined ? {} : { last: integer(flags.last, "--last", 1, 1e9) };
  if (names.length === 0) return { ...filter, ...last };
  const all = await from.snapshots();
  const now = session.runtime.clock.now();
  const ids = names.map((name) => hex(selectSnapshot(all, name, now, filter).id));
  return { ...filter, ...last, ids };
}

/** After a backup: everything that another repository lacks. */
export async function copyInto(session: Session, from: Side, address: string): Promise<number> {
  await using to = await openTo(session, address);
  return copy(session, from, to, optionsOf(session, {}), {});
}

function optionsOf(session: Session, flags: SyncFlags): SyncOptions {
  const { wholePacks, level, memory } = flags;
  return {
    host: hostname(),
    workers: session.workers,
    dryRun: flags.dryRun ?? false,
    ...(wholePacks === undefined
      ? {}
      : { wholeFrom: integer(wholePacks.replace(/%$/, ""), "--whole-packs", 0, 101) / 100 }),
    ...(level === undefined ? {} : { level: integer(level, "--level", -7, 19) }),
    ...packSize(flags.packSize),
    ...(memory === undefined ? {} : { memory: integer(memory, "--memory", LEAST_MEMORY, 65536) }),
  };
}

/** Syncs, and says how it went; the exit status. */
async function copy(
  session: Session,
  from: Side,
  to: Side,
  options: SyncOptions,
  flags: { maxCost?: string },
): Promise<number> {
  const started = performance.now();
  const most = flags.maxCost === undefined ? undefined : Number(flags.maxCost);
  if (most !== undefined && !(most >= 0)) {
    throw new Failure("usage", `--max-cost ${flags.maxCost}: give an amount such as 1.50`);
  }
  const priced = (plan: SyncPlan) => cost(session, from, to, plan);
  const result = await sync(session.runtime, from.repository, to.repository, {
    ...options,
    approve: (plan) => {
      if (most !== undefined) refuseAbove(priced(plan), most);
    },
  });
  const event = told(from, to, result, priced(result.plan), options.dryRun ?? false);
  session.output.say(event, text(event, (performance.now() - started) / 1000));
  return result.problems.length > 0 ? 13 : 0;
}

function cost(session: Session, from: Side, to: Side, plan: SyncPlan): SyncCost {
  const [up, down] = [session.rates(to.place).up, session.rates(from.place).down];
  return costOf(plan, {
    to: to.place.named.prices ?? {},
    from: from.place.named.prices ?? {},
    now: session.runtime.clock.now(),
    ...(up === undefined ? {} : { up }),
    ...(down === undefined ? {} : { down }),
  });
}

function used({ total: requests, sent, received }: Traffic) {
  return { requests, sent, received };
}

function told(
  from: Side,
  to: Side,
  { plan, kin, copied, problems, bytes }: SyncResult,
  { minutes, once, monthly, currency }: SyncCost,
  dryRun: boolean,
): Told {
  const all = [plan.to, plan.from].map((r) => r.puts + r.gets + r.lists);
  return {
    event: "sync",
    from: from.repository.store.description,
    to: to.repository.store.description,
    replica: kin,
    dryRun,
    snapshots: dryRun ? plan.snapshots : copied,
    present: plan.present,
    forgotten: plan.forgotten,
    packs: plan.packs.length,
    chunks: plan.chunks,
    chunkBytes: plan.bytes,
    plannedUp: plan.up,
    plannedDown: plan.down,
    plannedRequests: all.reduce((a, b) => a + b, 0),
    minutes,
    costOnce: once,
    costMonthly: monthly,
    currency,
    bytes,
    traffic: { from: used(from.traffic), to: used(to.traffic) },
    problems,
  };
}

function text(e: Told, seconds: number): string {
  const lines = e.problems.map((p) => `${shown(p.object)}: ${shown(p.message)}`);
  const gone = e.forgotten > 0 ? `, ${e.forgotten} forgotten there` : "";
  const there = `${e.present > 0 ? `, ${e.present} there already` : ""}${gone}`;
  const snapshots = count(e.snapshots.length, "snapshot");
  if (e.dryRun) {
    const anew = e.chunks > 0 ? `, ${count(e.chunks, "chunk")} sealed anew` : "";
    const money = [e.costOnce, e.costMonthly].map((n) => `${n.toFixed(4)} ${e.currency}`.trim());
    const priced = e.costOnce + e.costMonthly > 0 ? `; ${money[0]} once, ${money[1]} a month` : "";
    lines.push(
      `dry run, nothing was copied: would copy ${snapshots}${there}: ${count(e.packs, "pack")} whole${anew}`,
      `about ${size(e.plannedUp)} up, ${size(e.plannedDown)} down, ${e.plannedRequests} requests, ${duration(e.minutes * 60)}${priced}`,
    );
    return lines.join("\n");
  }
  const { to, from } = e.traffic;
  lines.push(
    `copied ${snapshots}${there}: ${size(e.bytes)}; ${to.requests} requests there, ${from.requests} here; ${duration(seconds)}`,
  );
  return lines.join("\n");
}
