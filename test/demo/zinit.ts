/** zinit as the supervisor of an instance, in namespaces of its own for processes and network. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { needed } from "./parts.ts";
import { type Place, socketsOf } from "./place.ts";
import { family, isGone, know, neighbours } from "./processes.ts";
import type { Service } from "./services.ts";
import { shortFolder } from "./socket.ts";
import { type Supervisor, until } from "./supervisor.ts";

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

/** The one child of `unshare`, which is the first process of the namespace. */
function firstInside(pid: number): number {
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

/** A service's end, once it is one; rejects when it was not a good one. */
async function wellEnded(name: string, status: (name: string) => Promise<Status>): Promise<void> {
  const last = await until(`${name} runs on`, 15, async () => {
    const now = await status(name);
    return now.pid === 0 ? now : null;
  });
  if ((last.exit_code ?? 0) !== 0 || last.error !== undefined) {
    throw new Error(`${name} ended badly: ${last.error ?? `status ${last.exit_code}`}`);
  }
}

/** Speaks to a zinit that runs below the process `pid`. */
export function attach(place: Place, services: readonly Service[], pid: number): Supervisor {
  const status = async (name: string) => (await ask(place, "service.status", { name })) as Status;
  const supervisor: Supervisor = {
    pid,
    async start(name) {
      await ask(place, "service.start", { name });
    },
    async stop(name) {
      if ((await status(name)).pid === 0) return;
      await ask(place, "service.stop", { name });
      await wellEnded(name, status);
    },
    async pids(name) {
      const { pid: inside } = await status(name);
      const seen = neighbours(firstInside(pid));
      const first = seen.find(({ inner }) => inner === inside && inside !== 0);
      return first === undefined ? [] : family(first.pid, seen);
    },
    async end() {
      const known = know(pid);
      const failures: unknown[] = [];
      for (const { name } of [...services].reverse()) {
        await supervisor.stop(name).catch((error: unknown) => failures.push(error));
      }
      await ask(place, "system.shutdown", {}).catch(() => undefined);
      if (known !== null && !(await isGone(known, 5))) process.kill(pid, "SIGKILL");
      if (known !== null && !(await isGone(known, 5))) throw new Error("zinit does not end");
      if (failures.length > 0) throw failures[0];
    },
  };
  return supervisor;
}

/** Whether there is a zinit at this place already. */
export const isRunning = (place: Place): Promise<boolean> =>
  ask(place, "system.ping", {}).then(
    () => true,
    () => false,
  );

/** Starts zinit, and with it every service. */
export async function zinit(place: Place, services: readonly Service[]): Promise<Supervisor> {
  const { pid = 0 } = launch(place);
  await until("zinit does not answer", 10, () => ask(place, "system.ping", {}));
  return attach(place, services, pid);
}
