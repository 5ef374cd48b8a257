/**
 * The processes of services: asked of the supervisor, of pid files and of sockets, and believed
 * only when the machine's own list has them.
 */
import { readFile } from "node:fs/promises";
import { toFailure } from "../base/failure.ts";
import { below } from "../base/path.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Instance, RpcStep, Service } from "../instance/descriptor.ts";
import { native, type Process } from "../seam/native.ts";
import type { BarrierFacts, Refusal } from "./plan.ts";
import { act, type Scene } from "./steps/run.ts";
import { shortName } from "./steps/wire.ts";

export interface Found {
  readonly supervisor: BarrierFacts["supervisor"];
  readonly pids: ReadonlyMap<string, readonly number[]>;
  readonly obstacles: readonly Refusal[];
}

/** How long the supervisor may take for one answer. */
const PATIENCE = 2000;

/** The process that listens on a socket; null: none does. */
export function listens(path: string): number | null {
  using name = shortName(path);
  try {
    return native.socketPeer(Buffer.from(name.path));
  } catch {
    return null;
  }
}

/** The process that another namespace calls by this number. */
function translate(all: readonly Process[], supervisor: Process, pid: number): Process | undefined {
  return all.find((p) => p.namespace.equals(supervisor.namespace) && p.numbers.at(-1) === pid);
}

/** The number that zinit, which listens at a socket, says of a service's process; 0: none runs. */
export async function askPid(scene: Scene, socket: string, supervised: string): Promise<number> {
  const params = JSON.stringify({ name: supervised });
  const rest = { path: null, method: "service.status", params, expect: null, until: null };
  const step: RpcStep = { kind: "rpc", socket, ...rest };
  const said = await act(scene, step, scene.runtime.clock.now() + PATIENCE);
  const { result } = JSON.parse(said) as { result?: { pid?: number } };
  return result?.pid ?? 0;
}

/** Asks zinit for the number of each service's process. */
async function supervised(
  runtime: Runtime,
  instance: Instance,
  all: readonly Process[],
): Promise<{ process: Process; pids: Map<string, number[]> } | string> {
  const { supervisor, root } = instance;
  if (supervisor === null || supervisor.protocol !== "zinit") return "is not asked";
  const path = below(root, supervisor.socket);
  const process = all.find((p) => p.pid === listens(path));
  if (process === undefined) return `does not answer on ${supervisor.socket}`;
  const scene: Scene = { runtime, root, databases: [], marker: "" };
  const pids = new Map<string, number[]>();
  for (const { name, processes } of instance.services) {
    if (processes.supervised === null) continue;
    try {
      const inside = await askPid(scene, path, processes.supervised);
      const found = inside === 0 ? undefined : translate(all, process, inside);
      if (inside !== 0 && found === undefined) {
        return `says that ${name} is pid ${inside}, which is no process of its namespace`;
      }
      pids.set(name, found === undefined ? [] : [found.pid]);
    } catch (error) {
      return `does not answer for ${name}: ${toFailure(error).message}`;
    }
  }
  return { process, pids };
}

/** `told`: the supervisor named it; a pid file, which may be of another namespace, is not read. */
async function ofService(
  root: string,
  service: Service,
  all: readonly Process[],
  told: boolean,
): Promise<number[]> {
  const { pidFile, socket, cgroup, executable } = service.processes;
  const found: (number | null)[] = [];
  if (pidFile !== null && !told) {
    const text = await readFile(below(root, pidFile), "utf8").catch(() => "");
    const named = all.find((p) => p.pid === Number.parseInt(text, 10));
    // A number alone may be anybody's by now, but who cannot be looked at may be the service.
    const { holds = [], seen = true } = named ?? {};
    if (named && (holds.length > 0 || executable !== null || !seen)) found.push(named.pid);
  }
  if (socket !== null) found.push(listens(below(root, socket)));
  if (cgroup !== null) {
    const path = `/${cgroup.replace(/^\//, "")}`;
    found.push(...all.filter((p) => p.cgroup === path).map((p) => p.pid));
  }
  return found.flatMap((pid) => (pid !== null && all.some((p) => p.pid === pid) ? [pid] : []));
}

/** Whoever is not what the descriptor says it is must not be stopped in its name. */
function impostor(root: string, service: Service, process: Process): Refusal | null {
  const { executable } = service.processes;
  if (executable === null) return null;
  const path = process.exe.toString("utf8").replace(/ \(deleted\)$/, "");
  if (path === below(root, executable)) return null;
  const who = `${process.name} (pid ${process.pid}) of ${service.name}`;
  return { who, why: `runs ${path} and not ${executable}` };
}

export async function findProcesses(
  runtime: Runtime,
  instance: Instance,
  all: readonly Process[],
): Promise<Found> {
  const { root, services, supervisor } = instance;
  const asked = supervisor?.protocol === "zinit" ? await supervised(runtime, instance, all) : null;
  const told = asked !== null && typeof asked !== "string" ? asked : null;
  const pids = new Map<string, readonly number[]>();
  const obstacles: Refusal[] = [];
  for (const service of services) {
    const named = told?.pids.get(service.name) ?? [];
    const own = await ofService(root, service, all, named.length > 0);
    const list = [...new Set([...named, ...own])];
    pids.set(service.name, list);
    for (const pid of list) {
      const process = all.find((p) => p.pid === pid);
      const other = process === undefined ? null : impostor(root, service, process);
      if (other !== null) obstacles.push(other);
    }
  }
  const failure = typeof asked === "string" ? asked : null;
  const first = told === null ? [] : [told.process.pid];
  const found = asked === null ? null : { service: "the supervisor", pids: first, failure };
  return { supervisor: found, pids, obstacles };
}
