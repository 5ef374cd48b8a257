/**
 * A demo instance: started from a seed or from data that is there, driven, and stopped.
 *
 * Promises: `startDemo` resolves when every service answers; what cannot run here is told by name
 * in `absent`; `stop` resolves when every process has ended, and rejects when one ended badly.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { mapBounded } from "../../src/base/map_bounded.ts";
import { configure, initCluster, own, remap } from "./config.ts";
import { direct } from "./direct.ts";
import { drive, type Orders } from "./drive.ts";
import { type Drivers, drivers } from "./drivers.ts";
import { has, INSTALL } from "./parts.ts";
import { as, CONTEXTS, dataOf, type Place, user } from "./place.ts";
import { isReady } from "./ready.ts";
import { choose, type Service } from "./services.ts";
import { type Supervisor, until } from "./supervisor.ts";
import { chains, UNITS } from "./units.ts";
import { isRunning, zinit } from "./zinit.ts";

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
  /** Seconds that a service may take until it answers; a recovery on a busy disk takes many. */
  readonly patience?: number;
  /** Without zinit, also where it could run. */
  readonly alone?: boolean;
  /** Milliseconds a driver waits between operations. */
  readonly pace?: number;
  /** Called with the supervisor's process as soon as there is something to end. */
  readonly begun?: (pid: number) => void;
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

/**
 * Copies the data of an instance; what belongs to running processes stays behind. Of a `running`
 * one, what goes away before it is reached (a push to git makes folders for a moment) is left out.
 */
export function adopt(from: string, root: string, running = false): void {
  mkdirSync(root, { recursive: true });
  const env = { ...process.env, LC_ALL: "C" };
  const words = ["-a", "--sparse=always", join(from, "var"), join(root, "var")];
  const { status, stderr } = spawnSync("cp", words, { env, encoding: "utf8" });
  const told = stderr.split("\n").filter((line) => line !== "");
  const fleeting = /: No such file or directory$|, as it was replaced while being copied$/;
  const gone = (line: string) => running && fleeting.test(line);
  if (status !== 0 && !(told.length > 0 && told.every(gone))) throw new Error(told.join("\n"));
  left(root);
}

/**
 * Removes what processes that are gone have left. Their numbers mean nothing in another namespace:
 * an engine that finds one of its own there takes whoever has it now for itself.
 */
function left(root: string): void {
  const data = join(root, "var");
  rmSync(join(data, "sockets"), { recursive: true, force: true });
  const names = ["-name", "postmaster.pid", "-o", "-name", "lock.mdb"];
  execFileSync("find", [data, "-type", "f", "(", ...names, ")", "-delete"]);
}

/** Fails with one line when the user of the services cannot reach the root. */
function reachable(place: Place): void {
  const [command = "test", ...words] = [...as(place), "test", "-x", dirname(place.root)];
  if (spawnSync(command, words).status === 0) return;
  throw new Error(`${place.user?.name ?? "you"} cannot enter ${dirname(place.root)}`);
}

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { services, absent } = choose(options.services);
  const supervised = options.alone !== true && has("zinit-server") && has("unshare");
  if (!supervised && options.alone !== true) {
    const part = has("unshare") ? "zinit-server" : "unshare";
    absent.push(`zinit is left out: ${part} is missing; ${INSTALL[part]}`);
  }
  const names = services.map(({ name }) => name).filter((name) => name !== "hero_agent");
  const who = user(options.user ?? "nobody");
  const place: Place = { root: options.root, seed: options.seed ?? 1, user: who };
  const journal = `${options.root}.journal`;
  const fresh = !existsSync(join(place.root, "var"));
  mkdirSync(journal, { recursive: true });
  reachable(place);
  if (await isRunning(place)) throw new Error(`an instance runs at ${place.root}`);
  if (!fresh) left(place.root);
  const half = join(place.root, "cfg", "half-made");
  if (existsSync(half)) throw new Error(`${place.root} is half made: remove it first`);
  configure(place, services, supervised);
  if (fresh) writeFileSync(half, "");
  writeFileSync(join(place.root, "cfg", "demo.json"), JSON.stringify(place), { mode: 0o600 });
  if (!fresh) remap(place);
  else if (names.includes("postgres")) initCluster(place);
  own(place, dataOf(place, ""));
  const supervisor = supervised ? await zinit(place, services) : direct(place, services);
  options.begun?.(supervisor.pid);
  const silent: string[] = [];
  try {
    await mapBounded(services, services.length, async (service) => {
      const what = `${service.name} does not answer`;
      await until(what, options.patience ?? 30, () => isReady(place, service)).catch(
        (error: unknown) => {
          if (options.broken !== true) throw error;
          silent.push(String(error));
        },
      );
    });
    if (fresh) await fill(place, journal, services);
    rmSync(half, { force: true });
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
