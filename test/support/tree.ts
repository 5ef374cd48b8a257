/**
 * Hostile but legal trees from a seed, made by Python's own calls, and an independent comparison of
 * two trees.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const SERVE = join(import.meta.dirname, "python", "serve.py");

/** A temporary folder that goes away with `using`; Node's own removal fails beyond PATH_MAX. */
export function temporary(root: string = tmpdir()): { path: string } & Disposable {
  const path = mkdtempSync(join(root, "holdall-"));
  return { path, [Symbol.dispose]: () => erase(path) };
}

/** Removes a tree, also what is marked immutable or append-only. */
export function erase(path: string): void {
  const rm = () => execFileSync("rm", ["-rf", "--", path], { stdio: "ignore" });
  try {
    rm();
  } catch {
    execFileSync("chattr", ["-R", "-f", "-ia", "--", path], { stdio: "ignore" });
    rm();
  }
}

interface Answer {
  readonly value?: unknown;
  readonly error?: string;
}

function open(line: string): unknown {
  const answer = JSON.parse(line) as Answer;
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.value;
}

function ask(verb: string, ...rest: unknown[]): unknown {
  const input = `${JSON.stringify([verb, ...rest])}\n`;
  return open(execFileSync("python3", [SERVE], { input, encoding: "utf8", maxBuffer: 1 << 28 }));
}

interface Comparison {
  readonly count: number;
  readonly entries: number;
  readonly rows: string[];
}

function verdict(found: Comparison): string[] {
  if (found.entries === 0) return ["the first tree is empty: nothing was compared"];
  return found.count > found.rows.length ? [...found.rows, `${found.count} in all`] : found.rows;
}

/** What differs between two trees. `leave` names properties that a format cannot hold. */
export function differences(a: string, b: string, leave: string[] = []): string[] {
  return verdict(ask("compare", a, b, leave) as Comparison);
}

/** One word for a tree with inodes and change times: shows whatever is done to it. */
export const digest = (root: string) => ask("digest", root) as string;

/** Makes a tree with every kind of entry; tells what this file system cannot hold. Needs root. */
export const hostileTree = (root: string, seed: number) =>
  ask("hostile", root, seed) as { entries: number; refused: string[] };

/** Another day: every kind of change in turn. */
export const churn = (root: string, seed: number, changes: number) =>
  ask("churn", root, seed, changes) as { kinds: number; refused: string[] };

/** One Python process for many small trees. */
export class TreeServer implements Disposable {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor() {
    this.#child = spawn("python3", [SERVE], { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#child.stdout === null) throw new Error("no pipe to python3");
    createInterface(this.#child.stdout).on("line", (line) => this.#waiting.shift()?.(line));
  }

  async #ask(verb: string, ...rest: unknown[]): Promise<unknown> {
    const line = new Promise<string>((done) => this.#waiting.push(done));
    this.#child.stdin?.write(`${JSON.stringify([verb, ...rest])}\n`);
    return open(await line);
  }

  async build(root: string, entries: unknown[]): Promise<void> {
    await this.#ask("build", root, entries);
  }

  async differences(a: string, b: string): Promise<string[]> {
    return verdict((await this.#ask("compare", a, b, [])) as Comparison);
  }

  [Symbol.dispose](): void {
    this.#child.stdin?.end();
  }
}
