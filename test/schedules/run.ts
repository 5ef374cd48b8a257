/**
 * The process that runs schedules: `run.js FOLDER FIRST COUNT [PLANT]`, one line of JSON at the
 * end. Started by `launch.ts`, under the shim that takes chance out of it. The variable
 * HOLDALL_SCHEDULES_FAR says where they are run, if not in memory.
 */
import { openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { RULES } from "../../src/repo/protocol/rules.ts";
import { openS3Store } from "../../src/store/s3/open.ts";
import { findPlace } from "../../src/store/s3/place.ts";
import { openWire } from "../../src/store/s3/wire.ts";
import { GUARDS } from "../model/guards.ts";
import type { Afar, Report } from "./launch.ts";
import { watchJobs } from "./quiet.ts";
import { type Ground, ground, runSchedule } from "./schedule.ts";

const [folder = "", first = "0", count = "1", plant = ""] = process.argv.slice(2);
const still = openSync(process.env.HOLDALL_STILL ?? "", "r+");

/** Sets the seed of all randomness that is not the schedule's own. */
function reseed(seed: number): void {
  const words = Buffer.alloc(16);
  words.writeUInt32LE(seed >>> 0);
  writeSync(still, words, 0, 16, 0);
}

/** A new place in a bucket for each schedule, and a client of its own for each process. */
function worlds(): Ground["far"] {
  const given = process.env.HOLDALL_SCHEDULES_FAR;
  if (given === undefined) return undefined;
  const { address, endpoint, keys } = JSON.parse(given) as Afar;
  const wire = openWire();
  let worlds = 0;
  return () => {
    const place = findPlace(`${address}/${++worlds}`.slice("s3:".length), {
      endpoint,
      region: "us-east-1",
    });
    return () => openS3Store(place, keys, { wire });
  };
}

// The threads that do file operations are there before any job.
await (await open("/dev/null")).close();
const quiet = watchJobs();
reseed(0);
const at = await ground(folder, quiet, worlds());
reseed(0);
// What is made once per process is made before any schedule that counts.
await runSchedule(0, at);

const guard = GUARDS.find((g) => g.guard === plant);
if (plant !== "" && guard?.rules === undefined) throw new Error(`no guard ${plant}`);
Object.assign(RULES, guard?.rules);

const report: Report = { steps: 0, acknowledged: 0, cpu: 0, bad: [], traces: [] };
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  reseed(seed);
  const { steps, acknowledged, trace, wrong, log } = await runSchedule(seed, at);
  report.steps += steps;
  report.acknowledged += acknowledged;
  report.traces.push(trace.slice(0, 16));
  if (wrong !== null) report.bad.push({ seed, wrong, log: report.bad.length === 0 ? log : [] });
  // Of a fault it is only asked whether it is caught.
  if (wrong !== null && guard !== undefined) break;
}
const { user, system } = process.cpuUsage();
report.cpu = (user + system) / 1e6;
// A schedule that an audit broke off leaves jobs that nobody will ever answer.
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit());
