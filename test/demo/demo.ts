/**
 * A demo instance: started from a seed or from data that is there, driven, and stopped.
 *
 * Promises: `startDemo` resolves when every service answers; what cannot run here is told by name
 * in `absent`; `stop` resolves when every process has ended, and rejects when one ended badly.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { mapBounded } from "../../src/base/map_bounded.ts";
import { configure, initCluster, own, remap } from "./config.ts";
import { drive, type Orders } from "./drive.ts";
import { has, INSTALL } from "./parts.ts";
import { as, CONTEXTS, dataOf, type Place, PROJECT, user } from "./place.ts";
import { isReady } from "./ready.ts";
import { choose, type Service } from "./services.ts";
import { chains, UNITS } from "./units.ts";
import { type Supervisor, until, zinit } from "./zinit.ts";

export interface DemoOptions {
  /** Absolute. Everything of the instance lies below it; the journal lies beside it. */
  readonly root: string;
  readonly seed?: number;
  /** Names of services; all that can run here, when left out. */
  readonly services?: readonly string[];
  /** Who the services run as, when root starts them. */
  readonly user?: string;
  /** The data may be broken: a service that does not answer is then told, and the rest goes on. */
  readonly broken?: boolean;
  /** Milliseconds a driver waits between operations. */
  readonly pace?: number;
}

export interface Drivers {
  /** Resolves when every chain has begun. */
  start(): Promise<void>;
  /** Resolves when what was sent is acknowledged and the journal is whole. */
  stop(): Promise<void>;
}

export interface Demo extends AsyncDisposable {
  readonly root: string;
  readonly place: Place;
  readonly services: readonly string[];
  /** What is left out, each with the line that installs it. */
  readonly absent: readonly string[];
  /** Services that do not answer, each with the reason; empty unless the data may be broken. */
  readonly silent: readonly string[];
  readonly supervisor: Supervisor;
  /** Processes by service, parents first; those of the supervisor are not among them. */
  pids(): Promise<Record<string, number[]>>;
  readonly drivers: Drivers;
  /** Folder of the journal. */
  readonly journal: string;
  stop(): Promise<void>;
}

/** Operations of each context that a new instance begins with. */
const SEEDED = 2 * UNITS.length;

/** Makes the contexts, and fills them from the seed: through the services, and in the journal. */
async function fill(place: Place, journal: string, services: readonly Service[]): Promise<void> {
  const names = services.map(({ name }) => name);
  for (const unit of UNITS) {
    if (names.includes(unit.service)) await unit.prepare(place, CONTEXTS);
  }
  const [plan] = chains(true, names);
  if (plan === undefined) return;
  const orders: Orders = { place, journal, chains: [], pace: 0 };
  for (const context of CONTEXTS) {
    const chain = { ...plan, name: `seed-${place.seed}-${context}`, context };
    await drive(orders, chain, new AbortController().signal, SEEDED);
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => child.once("exit", () => done()));
}

function drivers(
  place: Place,
  journal: string,
  names: readonly string[],
  supervisor: Supervisor,
  pace: number,
): Drivers {
  let outside: ChildProcess | null = null;
  const orders = (inside: boolean): string => {
    const text: Orders = { place, journal, chains: chains(inside, names), pace };
    const path = inside ? join(place.root, "cfg", "hero_agent", "orders.json") : `${journal}.json`;
    writeFileSync(path, JSON.stringify(text));
    return path;
  };
  return {
    async start() {
      const all = readdirSync(journal).length + chains(true, names).length;
      const expected = all + chains(false, names).length;
      orders(true);
      const path = orders(false);
      await supervisor.start("hero_agent");
      const program = join(PROJECT, ".build", "test", "demo", "driver.js");
      outside = spawn(process.execPath, [program, path], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      await until("some chain did not begin", 20, async () =>
        readdirSync(journal).length >= expected ? true : null,
      );
    },
    async stop() {
      outside?.kill("SIGTERM");
      rmSync(join(place.root, "cfg", "hero_agent", "orders.json"), { force: true });
      await supervisor.stop("hero_agent");
      if (outside !== null) await ended(outside);
      outside = null;
    },
  };
}

/** Copies the data of an instance that stands; what belongs to running processes stays behind. */
export function adopt(from: string, root: string): void {
  mkdirSync(root, { recursive: true });
  execFileSync("cp", ["-a", "--sparse=always", join(from, "var"), join(root, "var")]);
  const data = join(root, "var");
  const transient = ["-name", "postmaster.pid", "-o", "-name", "lock.mdb"];
  execFileSync("find", [data, "(", "-type", "s", "-o", ...transient, ")", "-delete"]);
}

/** Fails with one line when the user of the services cannot reach the root. */
function reachable(place: Place): void {
  const [command = "test", ...words] = [...as(place), "test", "-x", dirname(place.root)];
  if (spawnSync(command, words).status === 0) return;
  throw new Error(`${place.user?.name ?? "you"} cannot enter ${dirname(place.root)}`);
}

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { services, absent } = choose(options.services);
  if (!has("zinit-server")) throw new Error(`zinit-server is missing; ${INSTALL["zinit-server"]}`);
  const names = services.map(({ name }) => name).filter((name) => name !== "hero_agent");
  const who = user(options.user ?? "nobody");
  const place: Place = { root: options.root, seed: options.seed ?? 1, user: who };
  const journal = `${options.root}.journal`;
  const fresh = !existsSync(join(place.root, "var"));
  mkdirSync(journal, { recursive: true });
  reachable(place);
  configure(place, services);
  writeFileSync(join(place.root, "cfg", "demo.json"), JSON.stringify(place), { mode: 0o600 });
  if (!fresh) remap(place);
  else if (names.includes("postgres")) initCluster(place);
  own(place, dataOf(place, ""));
  const supervisor = await zinit(place, services);
  const silent: string[] = [];
  try {
    await mapBounded(services, services.length, async (service) => {
      const what = `${service.name} does not answer`;
      await until(what, options.broken === true ? 4 : 20, () => isReady(place, service)).catch(
        (error: unknown) => {
          if (options.broken !== true) throw error;
          silent.push(String(error));
        },
      );
    });
    if (fresh) await fill(place, journal, services);
  } catch (error) {
    await supervisor.end().catch(() => undefined);
    throw error;
  }
  const driven = drivers(place, journal, names, supervisor, options.pace ?? 0);
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    await driven.stop();
    await supervisor.end();
  };
  return {
    root: place.root,
    place,
    services: names,
    absent,
    silent,
    supervisor,
    async pids() {
      const found: Record<string, number[]> = {};
      for (const { name } of services) found[name] = await supervisor.pids(name);
      return found;
    },
    drivers: driven,
    journal,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
