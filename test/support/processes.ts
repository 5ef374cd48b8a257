/** Real processes to stop: writers of several threads, and some that are harder to stop. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { native, type Process } from "../../src/seam/native.ts";

/** Threads that append numbered lines to a file of their own each, by turns in calls and stores. */
const WRITER = `
import mmap, os, sys, threading
folder, count = sys.argv[1], int(sys.argv[2])
def write(name):
    with open(os.path.join(folder, name), "ab", buffering=0) as out:
        n = 0
        while True:
            n += 1
            out.write(b"%d\\n" % n)
for i in range(count):
    threading.Thread(target=write, args=("t%d" % i,), daemon=True).start()
os.write(1, b"ready\\n")
threading.Event().wait()
`;

const TRACER = `
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
SEIZE = 0x4206
if libc.ptrace(SEIZE, int(sys.argv[1]), 0, 0) != 0: sys.exit("cannot trace")
os.write(1, b"ready\\n")
time.sleep(1000)
`;

/** Makes a child whenever it can: a set that has to be listed more than once. */
const FORKER = `
import os, sys, time
os.write(1, b"ready\\n")
while True:
    if os.fork() == 0:
        open(sys.argv[1], "ab").write(b"x")
        time.sleep(0.02)
        os._exit(0)
    time.sleep(0.002)
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0): pass
    except ChildProcessError: pass
`;

export interface Running extends AsyncDisposable {
  readonly pid: number;
  readonly child: ChildProcess;
}

async function started(command: string, args: string[]): Promise<Running> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  const { pid, stdout } = child;
  if (pid === undefined || stdout === null) throw new Error(`${command} does not start`);
  await once(stdout, "data");
  // Nothing of it leads to this process any more: whoever stops it must not stop us.
  stdout.destroy();
  return {
    pid,
    child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      process.kill(-pid, "SIGKILL");
      await once(child, "exit");
    },
  };
}

const python = (code: string, ...args: string[]) => started("python3", ["-c", code, ...args]);

export const writer = (folder: string, threads: number) => python(WRITER, folder, String(threads));
/** Traced by one that lets it go on all the same. */
export async function traced(pid: number): Promise<AsyncDisposable> {
  const words = ["-p", String(pid), "-e", "trace=none", "-o", "/dev/null"];
  const child = spawn("strace", words, { stdio: ["ignore", "ignore", "pipe"] });
  await once(child.stderr, "data");
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

export const tracer = (pid: number) => python(TRACER, String(pid));
export const forker = (file: string) => python(FORKER, file);

/** A process that waits for a child of `vfork`; compiled into the folder. */
export function vforkParent(folder: string): Promise<Running> {
  const program = join(folder, "vfork");
  const source = join(import.meta.dirname, "vfork.c");
  execFileSync("cc", ["-O1", "-Wall", "-Wextra", "-o", program, source]);
  return started(program, []);
}

export const found = (pid: number, roots: string[] = []): Process => {
  const process = native.census(roots.map((r) => Buffer.from(r))).find((p) => p.pid === pid);
  if (process === undefined) throw new Error(`no process ${pid}`);
  return process;
};

/** The letters of all its threads. */
export const states = (pid: number): string =>
  native
    .census([])
    .filter((p) => p.pid === pid)
    .map((p) => p.state)
    .join("") + threads(pid);

function threads(pid: number): string {
  const list = execFileSync("sh", ["-c", `cat /proc/${pid}/task/*/stat`], { encoding: "utf8" });
  return list
    .trim()
    .split("\n")
    .map((line) => line.slice(line.lastIndexOf(")") + 2)[0])
    .join("");
}

export const stands = (pid: number): boolean => /^[TD]+$/.test(states(pid));

/** Whether a file grows within a while. */
export async function grows(file: string, within = 2000): Promise<boolean> {
  const size = () => (existsSync(file) ? statSync(file).size : 0);
  const before = size();
  for (let waited = 0; waited < within; waited += 10) {
    if (size() > before) return true;
    await sleep(10);
  }
  return false;
}

/** Waits until something is so; false when it does not come to be. */
export async function comes(what: () => boolean, within = 5000): Promise<boolean> {
  for (let waited = 0; waited < within; waited += 10) {
    if (what()) return true;
    await sleep(10);
  }
  return what();
}

export const text = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

export const children = (pid: number): Process[] =>
  native.census([]).filter((p) => p.parent === pid);

export function session(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
}

export const groupExists = (group: string): boolean =>
  existsSync(join(native.cgroupMount()?.toString() ?? "/none", group));
