/**
 * Starts the processes that run schedules, each with a range of seeds, and gathers what they say.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Keys } from "../support/s3server.ts";
import { compile } from "../support/shim.ts";
import { temporary } from "../support/tree.ts";
import { makeSource } from "./source.ts";

const RUN = join(import.meta.dirname, "../../.build/test/schedules/run.js");

export interface Report {
  /** Store calls that took effect, snapshots acknowledged, seconds of CPU time. */
  steps: number;
  acknowledged: number;
  cpu: number;
  /** Schedules in which something did not hold; the first with all its steps. */
  readonly bad: { seed: number; wrong: string; log: readonly string[] }[];
  /** One word for each schedule. */
  readonly traces: string[];
}

/** A folder of a bucket that nobody else uses. */
export interface Afar {
  readonly address: string;
  readonly endpoint: string;
  readonly keys: Keys;
}

function one(folder: string, shim: string, args: string[], far?: Afar): Promise<Report> {
  mkdirSync(folder);
  makeSource(folder);
  const still = join(folder, "still");
  writeFileSync(still, Buffer.alloc(16));
  const env = {
    ...process.env,
    LD_PRELOAD: shim,
    HOLDALL_STILL: still,
    HOLDALL_STILL_ROOT: folder,
    ...(far && { HOLDALL_SCHEDULES_FAR: JSON.stringify(far) }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--max-semi-space-size=64", RUN, folder, ...args], {
      env,
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (bytes: Buffer) => {
      out += bytes.toString("utf8");
    });
    child.stderr.on("data", (bytes: Buffer) => {
      err += bytes.toString("utf8");
    });
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(out) as Report);
      else reject(new Error(`schedules ended with ${code}: ${err || out}`));
    });
  });
}

/** Schedules `first` to `first + count - 1`, with a planted fault if one is named. */
export async function schedules(
  first: number,
  count: number,
  plant = "",
  far?: Afar,
): Promise<Report> {
  using place = temporary("/dev/shm");
  const shim = compile(place.path, "still");
  const lanes = Math.max(1, Math.min(availableParallelism(), 8, Math.ceil(count / 50)));
  const share = Math.ceil(count / lanes);
  const reports = await Promise.all(
    Array.from({ length: lanes }, (_, i) => {
      const some = Math.min(share, count - i * share);
      const args = [String(first + i * share), String(some), plant];
      const own = far && { ...far, address: `${far.address}/${i}` };
      return one(join(place.path, String(i)), shim, args, own);
    }),
  );
  const sum = (of: (report: Report) => number) => reports.reduce((n, r) => n + of(r), 0);
  return {
    steps: sum((r) => r.steps),
    acknowledged: sum((r) => r.acknowledged),
    cpu: sum((r) => r.cpu),
    bad: reports.flatMap((r) => r.bad),
    traces: reports.flatMap((r) => r.traces),
  };
}
