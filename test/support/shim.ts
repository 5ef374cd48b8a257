/**
 * Runs the command under the kill shim: counts its changes of the file system, or kills it at one.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const MAIN = join(import.meta.dirname, "../../.build/bin/holdall.js");
const RECORD = 1 << 20;

/** What this machine lacks for the shim; null when it can be used. */
export function lacking(): string | null {
  for (const tool of ["cc", "strace"]) {
    if (spawnSync(tool, ["--version"]).status !== 0) return `${tool} is not installed`;
  }
  return null;
}

/** Compiles a shim, of this folder's sources, into a folder. */
export function compile(folder: string, name = "shim"): string {
  const shim = join(folder, `${name}.so`);
  const flags = ["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-U_FORTIFY_SOURCE"];
  execFileSync("cc", [...flags, "-o", shim, join(import.meta.dirname, `${name}.c`), "-ldl"]);
  return shim;
}

export interface Ending {
  readonly status: number | null;
  readonly killed: boolean;
  readonly out: string;
  readonly err: string;
  /** Calls that were made or begun, by the kernel's names, in order. */
  readonly calls: string[];
}

export interface Moment {
  readonly when: "before" | "after";
  readonly at: number;
}

function readRecord(path: string): string[] {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(8));
  const lines = bytes
    .toString("utf8", 16, 16 + length)
    .split("\n")
    .slice(0, -1);
  if (lines.length !== Number(bytes.readBigUInt64LE(0))) throw new Error("the record is too small");
  return lines;
}

/** One worker and one thread for files, so that calls come in nearly the same order every time. */
const SINGLE = { HOLDALL_WORKERS: "1", UV_THREADPOOL_SIZE: "1", UV_USE_IO_URING: "0" };

/** Runs the command, killed at a moment if one is given; `prefix` is what it is run by. */
export function underShim(
  shim: string,
  record: string,
  args: string[],
  env: Record<string, string>,
  moment?: Moment,
  prefix: string[] = [],
): Promise<Ending> {
  const file = openSync(record, "w");
  ftruncateSync(file, RECORD);
  closeSync(file);
  const own: Record<string, string> = { ...SINGLE, HOLDALL_SHIM: record };
  if (moment) own.HOLDALL_SHIM_KILL = `${moment.when} ${moment.at}`;
  // Preloaded into the command only, not into what runs it.
  const load = ["env", ...Object.entries({ ...own, LD_PRELOAD: shim }).map((e) => e.join("="))];
  const [first = "", ...rest] = [...prefix, ...load, process.execPath, MAIN, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(first, rest, { env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (bytes: Buffer) => {
      out += bytes.toString("utf8");
    });
    child.stderr.on("data", (bytes: Buffer) => {
      err += bytes.toString("utf8");
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      const calls = readRecord(record);
      resolve({ status, killed: signal === "SIGKILL", out, err, calls });
    });
  });
}

const OPENS = "openat,open,openat2,creat";
const HANDLES =
  "write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,fsync,fdatasync,syncfs," +
  "sync_file_range,ftruncate,fallocate,fchmod,fchown,fsetxattr,fremovexattr";
const PATHS =
  "link,linkat,symlink,symlinkat,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat," +
  "mknod,mknodat,truncate,chmod,fchmodat,?fchmodat2,chown,lchown,fchownat,utime,utimes,utimensat," +
  "setxattr,lsetxattr,removexattr,lremovexattr,io_uring_setup,sync,fsopen,mount";

export const STRACE = ["strace", "-f", "-yy", "-e", `trace=${OPENS},${HANDLES},${PATHS},ioctl`];

/** The calls of a log of strace that change regular files and folders, by name. */
export function straceCounts(log: string): Record<string, number> {
  const counts: Record<string, number> = {};
  const opens = new Set(OPENS.split(","));
  const handles = new Set(HANDLES.split(","));
  for (const line of log.split("\n")) {
    const [, name = "", rest = ""] = /^\d+ +(\w+)\((.*)$/.exec(line) ?? [];
    if (name === "") continue;
    if (opens.has(name) && !/O_CREAT|O_TRUNC|O_TMPFILE/.test(rest) && name !== "creat") continue;
    // `3</a/path>` is a file or folder; devices, pipes and sockets carry more after the path.
    if (handles.has(name) && !/^\d+<\/[^<>]*>/.test(rest)) continue;
    if (name === "ioctl" && !/FS_IOC_SETFLAGS|FS_IOC_FSSETXATTR|FICLONE/.test(rest)) continue;
    const shown = name === "open" ? "openat" : name;
    counts[shown] = (counts[shown] ?? 0) + 1;
  }
  return counts;
}

export function countNames(calls: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const call of calls) {
    const name = call.slice(0, call.indexOf(" "));
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
