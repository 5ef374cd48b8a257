/**
 * The line to the watchdog: the process of its own that stops and continues others. It outlives
 * this one: when the line ends, or at the deadline, it continues everything and undoes its notes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Failure } from "../base/failure.ts";
import { type Process, watchdogPath } from "../seam/native.ts";
import { mendFile } from "./thaw.ts";

/** A step that puts something back; whoever is left can do it. Bytes are what a service takes. */
export type Undo =
  | {
      readonly kind: "unix" | "tcp";
      readonly at: string;
      readonly send: Buffer;
      readonly expect: Buffer;
    }
  | { readonly kind: "run"; readonly command: readonly string[] };

/** Times are nanoseconds of the clock that only goes forward. */
export interface Stood {
  readonly from: number;
  readonly seen: number;
  /** Numbers of processes that ended meanwhile. */
  readonly gone: readonly number[];
  /** Stood before, and are left standing. */
  readonly before: readonly number[];
}

export interface Thawed {
  readonly first: number;
  readonly last: number;
  /** Steps that could not be undone. */
  readonly failed: readonly string[];
}

/** Bytes in hexadecimal; none are a dash. */
const word = (text: string | Buffer): string => Buffer.from(text).toString("hex") || "-";
const text = (hex: string): string => (hex === "-" ? "" : Buffer.from(hex, "hex").toString("utf8"));
const numbers = (list = ""): number[] => list.split(",").filter(Boolean).map(Number);
const LOST = "the watchdog ended; what it had stopped is set right from its state file";

/** The words of a line: those that are `name=value` by name, the others in their order. */
function fields(line: string): { plain: string[]; named: Map<string, string> } {
  const words = line.split(" ");
  const named = words
    .filter((w) => w.includes("="))
    .map((w): [string, string] => {
      const at = w.indexOf("=");
      return [w.slice(0, at), w.slice(at + 1)];
    });
  return { plain: words.filter((w) => !w.includes("=")), named: new Map(named) };
}

function stood(line: string): Stood {
  const { plain, named } = fields(line);
  const [, from, seen] = plain;
  const list = (name: string) => numbers(named.get(name));
  return { from: Number(from), seen: Number(seen), gone: list("gone"), before: list("before") };
}

export class Watchdog implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting: { resolve(line: string): void; reject(error: Failure): void }[] = [];
  readonly #ended: Promise<void>;
  #unread = "";
  #lost = false;

  readonly #file: string;

  private constructor(child: ChildProcess, file: string) {
    this.#child = child;
    this.#file = file;
    child.stdout?.setEncoding("utf8").on("data", (part: string) => this.#take(part));
    // A write to one that is gone is seen where its end is.
    child.stdin?.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#lost = true;
        for (const { reject } of this.#waiting.splice(0)) reject(new Failure("not_still", LOST));
        resolve();
      };
      child.once("error", end);
      child.once("close", end);
    });
  }

  /** Starts one with its state in `file`, which continues all after `maxPause` milliseconds. */
  static async start(file: string, maxPause: number): Promise<Watchdog> {
    const child = spawn(watchdogPath(), [], {
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
      cwd: "/",
      env: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
    });
    const watchdog = new Watchdog(child, file);
    await watchdog.#ask(`begin ${word(file)} ${Math.ceil(maxPause)}`);
    return watchdog;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  #take(part: string): void {
    const lines = (this.#unread + part).split("\n");
    this.#unread = lines.pop() ?? "";
    for (const line of lines) {
      const { resolve, reject } = this.#waiting.shift() ?? {};
      const [verb, why = ""] = line.split(" ");
      if (verb === "refused") reject?.(new Failure("not_still", text(why)));
      else resolve?.(line);
    }
  }

  #ask(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#lost) reject(new Failure("not_still", LOST));
      else {
        this.#waiting.push({ resolve, reject });
        this.#child.stdin?.write(`${line}\n`);
      }
    });
  }

  /** Resolves when the step is durable in the state file. */
  async note(undo: Undo): Promise<void> {
    const words =
      undo.kind === "run"
        ? undo.command.map(word)
        : [word(undo.at), word(undo.send), word(undo.expect)];
    await this.#ask(`undo ${undo.kind} ${words.join(" ")}`);
  }

  /** Resolves when every thread of all of them stands. The first stop starts the longest pause. */
  async stop(processes: readonly Process[]): Promise<Stood> {
    return stood(await this.#ask(`stop ${processes.map((p) => `${p.pid}:${p.start}`).join(" ")}`));
  }

  /** Freezes a cgroup, given by its folder. */
  async freeze(folder: string): Promise<Stood> {
    return stood(await this.#ask(`freeze ${word(folder)}`));
  }

  /** Fails when anything ran since it was seen to stand, or goes on already. */
  async prove(): Promise<number> {
    const [, count] = (await this.#ask("prove")).split(" ");
    return Number(count);
  }

  /**
   * Continues everything, last stopped first, and undoes what was noted. Where the watchdog is gone
   * that is done from its state file, and this fails.
   */
  async thaw(): Promise<Thawed> {
    const { plain, named } = fields(await this.#ask("thaw").catch((e) => this.#mend(e)));
    const failed = (named.get("failed") ?? "").split(",").filter(Boolean).map(text);
    return { first: Number(plain[1]), last: Number(plain[2]), failed };
  }

  async #mend(error: unknown): Promise<never> {
    if (this.#lost) await mendFile(this.#file);
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }
}
