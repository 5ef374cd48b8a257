/**
 * Network namespaces, each with one cable to this machine: what runs in one reaches nothing but
 * the address at the other end, and whoever listens there.
 *
 * Namespaces bear the id of the process that made them: a later run takes away what a killed one
 * left.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export interface Net {
  /** Of this machine, as the namespace sees it. */
  readonly address: string;
  /** What a command is run by to run there. */
  readonly by: readonly string[];
}

export interface Nets extends Disposable {
  readonly all: readonly Net[];
}

const ip = (...args: string[]) => execFileSync("ip", args, { stdio: ["ignore", "pipe", "pipe"] });
const OWN = /^(holdall-(\d+)-\d+)\b/;

/** Why there can be no namespaces here; null where there can be. In CI that is an error. */
export function lackingNets(): string | null {
  const why = reason();
  if (why !== null && process.env.HOLDALL_CI) throw new Error(why);
  return why;
}

function reason(): string | null {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  if (spawnSync("ip", ["-V"]).status !== 0) return "ip is not installed: apt-get install iproute2";
  // Root of a container may be forbidden to.
  const { status, stderr } = spawnSync("ip", ["netns", "add", nameOf("0")], { encoding: "utf8" });
  if (status !== 0) return `no network namespaces here: ${stderr.trim().split("\n")[0]}`;
  ip("netns", "del", nameOf("0"));
  return null;
}

const nameOf = (at: number | string) => `holdall-${process.pid}-${at}`;

/** Namespaces of this process; their ends go with them. */
export function openNets(count: number): Nets {
  sweep((pid) => !existsSync(`/proc/${pid}`));
  const dispose = () => sweep((pid) => pid === process.pid);
  try {
    return { all: Array.from({ length: count }, (_, at) => lay(at)), [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** A network of four addresses each, of those that are set aside for measuring networks. */
function lay(at: number): Net {
  const first = ((process.pid % 4096) * 8 + at) * 4;
  const part = (n: number) => `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  const [name, here] = [nameOf(at), `hd${process.pid}.${at}`];
  const [address, there] = [part(first + 1), part(first + 2)];
  ip("netns", "add", name);
  ip("link", "add", here, "type", "veth", "peer", "name", "cable", "netns", name);
  ip("addr", "add", `${address}/30`, "dev", here);
  ip("link", "set", here, "up");
  ip("-n", name, "addr", "add", `${there}/30`, "dev", "cable");
  ip("-n", name, "link", "set", "cable", "up");
  return { address, by: ["ip", "netns", "exec", name] };
}

/** Takes away the namespaces of some processes, and whoever still runs in one. */
function sweep(which: (pid: number) => boolean): void {
  for (const line of ip("netns", "list").toString().split("\n")) {
    const [, name = "", pid = ""] = OWN.exec(line) ?? [];
    if (name === "" || !which(Number(pid))) continue;
    for (const left of ip("netns", "pids", name).toString().split("\n")) {
      if (left !== "") process.kill(Number(left), "SIGKILL");
    }
    ip("netns", "del", name);
  }
}
