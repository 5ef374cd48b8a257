/** zinit as the supervisor of an instance, in namespaces of its own for processes and network. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { needed } from "./parts.ts";
import { type Place, socketsOf } from "./place.ts";
import type { Service } from "./services.ts";
import { shortFolder } from "./socket.ts";

/** Starts, stops and knows the processes of the services. */
export interface Supervisor {
  /** What a later command needs to end it: the process that everything else is below. */
  readonly pid: number;
  start(service: string): Promise<void>;
  /** Resolves when the service has ended; rejects when it did not end well. */
  stop(service: string): Promise<void>;
  /** A service's processes, children after their parents, by the numbers of this process. */
  pids(service: string): Promise<number[]>;
  /** Stops every service, those first that need others, then itself. */
  end(): Promise<void>;
}

interface Status {
  readonly state: string;
  readonly pid: number;
  readonly exit_code?: number;
  readonly error?: string;
}

/** One question in JSON-RPC, a line each way, on a connection of its own. */
async function ask(place: Place, method: string, params: object): Promise<unknown> {
  using folder = shortFolder(socketsOf(place, "zinit"));
  const socket = createConnection(`${folder.path}/zinit.sock`);
  try {
    const line = await new Promise<string>((done, fail) => {
      let text = "";
      socket.on("error", fail);
      socket.on("close", () => fail(new Error(`zinit did not answer ${method}`)));
      socket.on("data", (piece: Buffer) => {
        text += piece.toString();
        if (text.includes("\n")) done(text);
      });
      socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })}\n`);
    });
    const answer = JSON.parse(line) as { result?: unknown; error?: { message: string } };
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  } finally {
    socket.destroy();
  }
}

/** Asks again until an answer is what it should be. */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | null>,
): Promise<T> {
  let last: unknown;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) {
    const found = await look().catch((error: unknown) => {
      last = error;
      return null;
    });
    if (found !== null) return found;
  }
  throw new Error(`${what} after ${seconds} s${last instanceof Error ? `: ${last.message}` : ""}`);
}

interface Seen {
  readonly pid: number;
  readonly parent: number;
  /** Its number in the innermost namespace. */
  readonly inner: number;
}

/** Processes of the namespace that a process is in. */
function neighbours(of: number): Seen[] {
  const space = (pid: number | string) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/pid`);
    } catch {
      return "";
    }
  };
  const here = space(of);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && space(name) === here)
    .flatMap((name) => {
      try {
        const status = readFileSync(`/proc/${name}/status`, "utf8");
        const parent = Number(/^PPid:\t(\d+)/m.exec(status)?.[1] ?? 0);
        const inner = Number(/^NSpid:.*\t(\d+)$/m.exec(status)?.[1] ?? 0);
        return [{ pid: Number(name), parent, inner }];
      } catch {
        return [];
      }
    });
}

/** A process with everything below it, parents first. */
function family(pid: number, seen: readonly Seen[]): number[] {
  const below = seen.filter(({ parent }) => parent === pid);
  return [pid, ...below.flatMap((child) => family(child.pid, seen))];
}

/** The one child of `unshare`, which is the first process of the namespace. */
function firstInside(child: ChildProcess): number {
  const pid = child.pid ?? 0;
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim() || 0);
}

/** A line of configuration may have secrets in it: the log is told what zinit says, no more. */
function launch(place: Place): ChildProcess {
  const command = [
    "mount -t tmpfs tmpfs /run",
    // As the first process of a namespace it would take over /dev/log, which is not its own.
    'export ZINIT_SYSLOG=0; exec "$1" --config-dir "$2" --socket zinit.sock --log-level warn',
  ].join(" && ");
  const words = ["sh", needed("zinit-server"), join(place.root, "cfg", "zinit")];
  return spawn(
    "unshare",
    ["-n", "-p", "-m", "-f", "--mount-proc", "--kill-child", "sh", "-c", command, ...words],
    { cwd: socketsOf(place, "zinit"), stdio: "ignore", detached: true },
  );
}

export async function zinit(place: Place, services: readonly Service[]): Promise<Supervisor> {
  const child = launch(place);
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  const status = async (name: string) => (await ask(place, "service.status", { name })) as Status;
  await until("zinit does not answer", 10, () => ask(place, "system.ping", {}));
  const supervisor: Supervisor = {
    pid: child.pid ?? 0,
    async start(name) {
      await ask(place, "service.start", { name });
    },
    async stop(name) {
      if ((await status(name)).pid === 0) return;
      await ask(place, "service.stop", { name });
      const last = await until(`${name} runs on`, 15, async () => {
        const now = await status(name);
        return now.pid === 0 ? now : null;
      });
      if ((last.exit_code ?? 0) !== 0 || last.error !== undefined) {
        throw new Error(`${name} ended badly: ${last.error ?? `status ${last.exit_code}`}`);
      }
    },
    async pids(name) {
      const { pid } = await status(name);
      const seen = neighbours(firstInside(child));
      const first = seen.find(({ inner }) => inner === pid && pid !== 0);
      return first === undefined ? [] : family(first.pid, seen);
    },
    async end() {
      const names = services.map(({ name }) => name).reverse();
      const failures: unknown[] = [];
      for (const name of names) {
        await supervisor.stop(name).catch((error: unknown) => failures.push(error));
      }
      await ask(place, "system.shutdown", {}).catch(() => undefined);
      const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await gone;
      clearTimeout(killer);
      if (failures.length > 0) throw failures[0];
    },
  };
  return supervisor;
}
