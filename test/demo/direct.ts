/**
 * Supervision by the demo itself, where there is no zinit: every service is a child, and ends with
 * this process. What binds ports has a network of its own; the rest shares the machine's.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Place } from "./place.ts";
import { family, neighbours } from "./processes.ts";
import { folderOf, type Service } from "./services.ts";
import type { Supervisor } from "./supervisor.ts";

/** How long a service may take to end after its signal, in milliseconds. */
const PATIENCE = 10_000;

const runs = (child: ChildProcess | undefined): child is ChildProcess =>
  child !== undefined && child.exitCode === null && child.signalCode === null;

function launch(place: Place, service: Service): ChildProcess {
  const alone = service.name === "hero_db" ? ["unshare", "-n"] : [];
  const [program = "", ...words] = [...alone, ...service.command(place)];
  return spawn(program, words, {
    cwd: folderOf(place, service),
    stdio: "ignore",
    env: { ...process.env, HOME: "/nonexistent" },
  });
}

/** Starts all services; `after` is kept by their clients, which try again. */
export function direct(place: Place, services: readonly Service[]): Supervisor {
  const children = new Map<string, ChildProcess>();
  const named = (name: string): Service => {
    const service = services.find((one) => one.name === name);
    if (service === undefined) throw new Error(`no service ${name}`);
    return service;
  };
  const supervisor: Supervisor = {
    pid: process.pid,
    async start(name) {
      if (!runs(children.get(name))) children.set(name, launch(place, named(name)));
    },
    async stop(name) {
      const child = children.get(name);
      if (!runs(child)) return;
      const end = once(child, "exit");
      child.kill(named(name).stopSignal);
      const killer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
      const [status, signal] = (await end) as [number | null, string | null];
      clearTimeout(killer);
      if (status !== 0) throw new Error(`${name} ended badly: ${signal ?? `status ${status}`}`);
    },
    async pids(name) {
      const child = children.get(name);
      return runs(child) ? family(child.pid ?? 0, neighbours(process.pid)) : [];
    },
    async end() {
      const failures: unknown[] = [];
      for (const { name } of [...services].reverse()) {
        await supervisor.stop(name).catch((error: unknown) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
    },
  };
  for (const { name, driver } of services) if (!driver) supervisor.start(name);
  return supervisor;
}
