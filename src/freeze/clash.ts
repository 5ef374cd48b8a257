/** What an instance would bind or be called, and somebody who runs has already. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { toFailure } from "../base/failure.ts";
import { below } from "../base/path.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Instance } from "../instance/descriptor.ts";
import { askPid, listens } from "./find.ts";
import { isRefusal, type Scene } from "./steps/run.ts";

const LISTENING = "0A";

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

/** Sockets that listen for TCP in this network: inodes by port. */
export function listeners(texts: readonly string[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const line of texts.flatMap((text) => text.split("\n"))) {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    const port = Number.parseInt(local.split(":")[1] ?? "", 16);
    if (state === LISTENING && port > 0) found.set(port, inode);
  }
  return found;
}

/** Whose socket it is, for people; nobody's, where that cannot be seen. */
function holder(inode: string): string {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const fds = readdirSync(`/proc/${pid}/fd`);
      if (fds.some((fd) => link(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`)) return who(pid);
    } catch {
      // It has ended, or its files are not for everybody to see.
    }
  }
  return "a process of somebody else";
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

const who = (pid: number | string) => `${read(`/proc/${pid}/comm`).trim() || "?"} (pid ${pid})`;

/** Names at a supervisor that runs and is zinit, of services that run there. */
async function namesTaken(runtime: Runtime, instance: Instance): Promise<string[]> {
  const { supervisor, root, services } = instance;
  if (supervisor?.protocol !== "zinit") return [];
  const socket = below(root, supervisor.socket);
  if (listens(socket) === null) return [];
  const scene: Scene = { runtime, root, databases: [], marker: "" };
  const taken: string[] = [];
  for (const { name: service, processes } of services) {
    if (processes.supervised === null) continue;
    const name = `name ${processes.supervised} of ${service}`;
    try {
      if ((await askPid(scene, socket, processes.supervised)) === 0) continue;
      taken.push(`${name} runs at ${socket} already`);
    } catch (error) {
      const { code, message } = toFailure(error);
      if (code === "interrupted") throw error;
      // A name that it does not know is free; one that it says nothing of may be anybody's.
      if (isRefusal(message)) continue;
      return [...taken, `${name} may run there already: ${message}`];
    }
  }
  return taken;
}

/** A line for each port, socket and name that services of an instance declare and others have. */
export async function clashes(runtime: Runtime, instance: Instance): Promise<string[]> {
  const ports = listeners(["tcp", "tcp6"].map((name) => read(`/proc/net/${name}`)));
  const found = instance.services.flatMap((service) => {
    const { name, processes } = service;
    const held = service.ports.flatMap((port) => {
      const inode = ports.get(port);
      return inode === undefined ? [] : [`port ${port} of ${name} is taken by ${holder(inode)}`];
    });
    const socket = processes.socket === null ? null : below(instance.root, processes.socket);
    const pid = socket === null ? null : listens(socket);
    return pid === null ? held : [...held, `socket ${socket} of ${name} is taken by ${who(pid)}`];
  });
  return [...found, ...(await namesTaken(runtime, instance))];
}
