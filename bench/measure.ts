/** Times one command: wall and CPU seconds of its whole process tree, peak memory, its output. */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { onExit } from "./place.ts";

const script = resolve(import.meta.dirname, "../../bench/measure.py");

/** Seconds, CPU seconds, MiB of the largest process. */
export interface Figure {
  readonly wall: number;
  readonly cpu: number;
  readonly peak: number;
}

export interface Measured extends Figure {
  readonly stdout: string;
}

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Folder for the command's output. */
  readonly scratch: string;
  /** Drop the page cache first. */
  readonly cold: boolean;
}

/**
 * What a scheduled job has: whoever measures from a shell has much more, and some of it costs a
 * program its start. Certificates of one's own (`NODE_EXTRA_CA_CERTS`) more than double Node's.
 */
const { PATH, LANG } = process.env;
const SCHEDULED = { PATH, LANG };

/** What is dirty goes to the disk first, so that nobody pays for the command before. */
function settle(cold: boolean): void {
  spawnSync("sync");
  if (cold) writeFileSync("/proc/sys/vm/drop_caches", "3");
}

/** Throws an Error with the command's last words on standard error where its status is not 0. */
export async function measure(command: readonly string[], at: Surroundings): Promise<Measured> {
  settle(at.cold);
  const stdout = join(at.scratch, "stdout");
  // A group of its own: whatever the command starts ends with it.
  const child = spawn("python3", [script, stdout, at.cwd, ...command], {
    env: { ...SCHEDULED, ...at.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("cannot start python3");
  const done = onExit(() => process.kill(-pid, "SIGKILL"));
  const [text, said] = [child.stdout, child.stderr].map(async (stream) => {
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part);
    return Buffer.concat(parts).toString();
  });
  const status = await new Promise<number | null>((settled) => child.on("close", settled));
  done();
  if (status !== 0) throw new Error(`measure.py: ${(await said)?.trim().split("\n").at(-1)}`);
  const result = JSON.parse((await text) ?? "") as Figure & { status: number; said: string };
  if (result.status !== 0) throw new Error(`status ${result.status}: ${result.said}`);
  const { wall, cpu, peak } = result;
  return { wall, cpu, peak, stdout };
}

/** What a command printed, for the few whose answer names the snapshot. */
export const printed = (measured: Measured): string => readFileSync(measured.stdout, "utf8").trim();

/** Several like steps as one: the mean of their times, the largest peak. */
export function meanOf(figures: readonly Figure[]): Figure {
  const mean = (of: (figure: Figure) => number) =>
    figures.reduce((all, figure) => all + of(figure), 0) / figures.length;
  return {
    wall: mean((f) => f.wall),
    cpu: mean((f) => f.cpu),
    peak: Math.max(...figures.map((f) => f.peak)),
  };
}

export function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
