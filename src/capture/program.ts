/** One program that copies: nothing is given to a shell, and nothing of it outlives the run. */
import { spawn } from "node:child_process";
import { Failure } from "../base/failure.ts";
import { below } from "../base/path.ts";

/** Who a program runs as. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What is kept of what a program says. */
const SAID = 4096;

/** Its last line, which says what went wrong. */
const lastLine = (said: string) => said.trim().split("\n").at(-1)?.trim() ?? "";

/**
 * Resolves when it ended well. What it needs for a while it may keep in `temporary`: by that name
 * in its environment it is found when it outlives a run that was killed. Fails with `not_captured`,
 * or with `interrupted` by the signal.
 */
export function program(
  root: string,
  words: readonly string[],
  owner: Owner | null,
  temporary: string,
  timeout: number,
  signal: AbortSignal,
): Promise<void> {
  const [name = "", ...rest] = words;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new Failure("interrupted", "interrupted"));
    const child = spawn(name.includes("/") ? below(root, name) : name, rest, {
      cwd: root,
      // A group of its own: what it starts ends with it.
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C", TMPDIR: temporary },
      ...owner,
    });
    let said = "";
    let why: Failure | null = null;
    const fault = (text: string) => new Failure("not_captured", `capture: ${name}: ${text}`);
    const kill = (failure: Failure) => {
      why ??= failure;
      try {
        process.kill(-(child.pid ?? 0), "SIGKILL");
      } catch {
        // It ended by itself.
      }
    };
    const abort = () => kill(new Failure("interrupted", "interrupted"));
    const late = setTimeout(
      () => kill(fault("it did not end in time (timeout)")),
      Math.max(timeout, 1),
    );
    const end = (failure: Failure | null) => {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
      // Somebody it left behind may hold the other end for ever.
      child.stderr.destroy();
      if (failure === null) resolve();
      else reject(failure);
    };
    signal.addEventListener("abort", abort);
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      said = (said + part).slice(-SAID);
    });
    child.once("error", (error: NodeJS.ErrnoException) =>
      end(fault(error.code === "ENOENT" ? "is not installed" : error.message)),
    );
    child.once("exit", (status, by) => {
      if (why !== null) return end(why);
      if (status === 0) return end(null);
      // What it said last may come after its end.
      setImmediate(() => end(fault(lastLine(said) || `ended with ${by ?? `status ${status}`}`)));
    });
  });
}
