/**
 * Programs that try a clone: in namespaces of their own for network, processes and mounts, where
 * the running instance cannot be written to, as the user whose data it is.
 *
 * They end with this process, however it ends: the first of them is killed with its parent, and
 * everything inside with it. Who can make no such namespaces runs nothing.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { Failure } from "../base/failure.ts";
import { type Enclosure, environment, type Scene, wordsOf } from "./steps/run.ts";

/**
 * Fixed; what is to be run comes as arguments: so many paths, the writable one, so many pairs of
 * what is to be seen where, the words. The
 * shell stays as the first process: a change of user forgets with whom to die, and all die with the
 * first.
 */
const ENTER = `n=$1; shift
while [ "$n" -gt 0 ]; do
  mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 126
  n=$((n - 1)); shift
done
mount --bind "$1" "$1" && mount -o remount,bind,rw "$1" || exit 126
n=$2; shift 2
while [ "$n" -gt 0 ]; do
  mount --bind "$1" "$2" || exit 126
  n=$((n - 1)); shift 2
done
"$@"; exit "$?"`;

export interface EncloseOptions {
  /** Root of the running instance. */
  readonly root: string;
  /** Paths that must not be written to; none below another comes before it. */
  readonly guarded: readonly string[];
  readonly writable: string;
  /** Folders, and which other folder each is to be seen at. */
  readonly seen?: readonly (readonly [string, string])[];
  readonly uid: number;
  readonly gid: number;
  /** Run by root; others get namespaces of a user namespace of their own. */
  readonly privileged: boolean;
}

export function enclose(options: EncloseOptions): Enclosure {
  const { root, guarded, writable, seen = [], uid, gid, privileged } = options;
  const there = guarded.filter((path) => existsSync(path));
  const dies = ["setpriv", "--pdeathsig", "KILL", "--"];
  const namespaces = ["--net", "--pid", "--ipc", "--mount", "--fork", "--kill-child=KILL", "--"];
  const user = privileged
    ? ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--no-new-privs", "--"]
    : ["unshare", "--user", `--map-user=${uid}`, `--map-group=${gid}`, "--"];
  const prefix = [
    ...(privileged ? dies : ["unshare", "--map-root-user", "--", ...dies]),
    ...["unshare", ...namespaces, "sh", "-c", ENTER, "sh", String(there.length)],
    ...there,
    writable,
    String(seen.length),
    ...seen.flat(),
    ...user,
  ];
  return { prefix, root };
}

/** Fails with `permission` where nothing can be enclosed; `what` needs it. */
export async function refuseOpen(scene: Scene, what = "--verify"): Promise<void> {
  const [first, rest] = wordsOf(scene, ["true"]);
  await promisify(execFile)(first, rest).catch((error: { stderr?: string; message: string }) => {
    const why = (error.stderr || error.message).trim().split("\n").at(-1) ?? "";
    const message = `${what} needs namespaces of its own, and there are none: ${why.slice(0, 200)}`;
    throw new Failure("permission", message, error);
  });
}

const LONGEST = 4096;

/** A program that runs while it is asked; disposing kills it and all that it has started. */
export class Running implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #said = "";
  #end: string | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (part: string) => {
        this.#said = (this.#said + part).slice(-LONGEST);
      });
    }
    this.#closed = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#end ??= error.message;
        resolve();
      });
      child.once("close", (status, signal) => {
        this.#end ??= signal ?? `status ${status}`;
        resolve();
      });
    });
  }

  static start(scene: Scene, words: readonly string[]): Running {
    const [first, rest] = wordsOf(scene, words);
    const stdio = ["ignore", "pipe", "pipe"] as const;
    const options = { cwd: scene.root, env: environment(scene), detached: true };
    return new Running(spawn(first, rest, { ...options, stdio: [...stdio] }));
  }

  /** Fails with `not_still` when it has ended; the last that it said is told. */
  refuseEnded(): void {
    if (this.#end === null) return;
    const lines = this.#said.trim().split("\n");
    // What it says last may only be that it is over.
    const why = lines.findLast((line) => /\b(fatal|panic|error)\b/i.test(line)) ?? lines.at(-1);
    const last = why?.slice(0, 200) ?? "";
    throw new Failure("not_still", `ended with ${this.#end}${last && `: ${last}`}`);
  }

  /** The program's own number; null: it has ended. */
  #inside(): number | null {
    const below = (pid: number) =>
      Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"), 10) || 0;
    try {
      return below(below(this.#child.pid ?? 0)) || null;
    } catch {
      return null;
    }
  }

  /** Its end after a signal: a status, or what else it ended with; null: not within the time. */
  async stop(signal: string, milliseconds: number): Promise<string | null> {
    const inside = this.#inside();
    if (inside !== null) process.kill(inside, signal);
    const late = setTimeout(() => this.#child.kill("SIGKILL"), milliseconds);
    await this.#closed;
    clearTimeout(late);
    return this.#child.signalCode === "SIGKILL" ? null : this.#end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end === null) this.#child.kill("SIGKILL");
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.destroy();
    await this.#closed;
  }
}
