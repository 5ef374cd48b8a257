/** Kills a cut of the demo instance in its window, and looks what stands then and later. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { native } from "../../src/seam/native.ts";
import { PROJECT, socketsOf } from "../demo/place.ts";
import { isReady } from "../demo/ready.ts";
import { resp } from "../demo/resp.ts";
import { choose } from "../demo/services.ts";
import { until } from "../demo/supervisor.ts";
import type { Ground } from "./ground.ts";

export type Who = "holdall" | "watchdog" | "group";

/** A step, or a part of the window's length after its first stop. */
export type When = string | number;

const PROGRAM = join(PROJECT, ".build", "test", "trials", "victim.js");
const UNDONE = "holdall:undone";

/** Gives the flush of Redis something to undo that can be seen. */
export function plantUndo({ demo }: Ground): void {
  const file = join(demo.root, "holdall.toml");
  const text = readFileSync(file, "utf8");
  const last = 'until = "aof_buffer_length:0\\r"\n';
  const undo = [
    "[[state.flush.undo]]",
    'redis = "var/sockets/redis/redis.sock"',
    `command = ["SET", "${UNDONE}", "yes"]`,
    'expect = "OK"',
  ];
  if (!text.includes(last)) throw new Error("the flush of Redis is another one");
  writeFileSync(file, text.replace(last, `${last}\n${undo.join("\n")}\n`));
}

async function redis({ demo }: Ground, ...words: string[]): Promise<unknown> {
  using to = await resp(join(socketsOf(demo.place, "redis"), "redis.sock"));
  // Awaited here: the connection must not end before.
  return await to.send(...words);
}

/** Processes of the instance, and those of them that stand. */
function standing({ demo }: Ground): { all: number; stopped: number } {
  const processes = native.census([]);
  const pids = new Set([demo.supervisor.pid]);
  for (let before = 0; before !== pids.size; ) {
    before = pids.size;
    for (const { pid, parent } of processes) if (pids.has(parent)) pids.add(pid);
  }
  const own = processes.filter(({ pid }) => pids.has(pid));
  return { all: own.length, stopped: own.filter(({ state }) => state === "T").length };
}

/** Runs one cut to its end; how long its window was, in milliseconds. */
export async function windowOf(made: Ground): Promise<number> {
  let [first, last] = [0, 0];
  const said: string[] = [];
  const victim = start(made, "", (line) => {
    said.push(line);
    if (line === "step stop" && first === 0) first = performance.now();
    if (line === "step thaw") last = performance.now();
  });
  await victim.ended;
  if (said.at(-1) !== "cut") throw new Error(`not cut: ${said.join(", ")}`);
  return last - first;
}

function start(made: Ground, at: string, heard: (line: string) => void) {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, made.demo.root, at], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("has no output");
  createInterface(child.stdout).on("line", heard);
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  return { pid: child.pid ?? 0, ended };
}

const watchdogOf = (pid: number) =>
  native.census([]).find((p) => p.parent === pid && p.name === "holdall-watchdo")?.pid;

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Its window was shorter than the last one: this kill came too late, and nobody stands.
  }
}

function strike(who: Who, victim: number, watchdog: number | undefined): void {
  if (who !== "holdall" && watchdog !== undefined) end(watchdog);
  if (who !== "watchdog") end(victim);
}

export interface Struck {
  /** How many processes of the instance stood when it was done. */
  readonly stood: number;
  /** What a cut said that was refused before it stopped anybody: nothing was killed. */
  readonly refused: string | null;
}

/**
 * Resolves when the cut's process is gone, killed or by itself; a killed watchdog may still be on
 * its way. `when` as a step: there it stays until somebody is killed.
 */
export async function killed(made: Ground, who: Who, when: When, window: number): Promise<Struck> {
  await redis(made, "DEL", UNDONE);
  const at = typeof when === "string" ? when : "stop";
  let reached = () => {};
  const there = new Promise<void>((done) => {
    reached = done;
  });
  const stay = typeof when === "string" ? when : "";
  const said: string[] = [];
  const victim = start(made, stay, (line) => {
    said.push(line);
    if (line === `step ${at}`) reached();
  });
  const early = await Promise.race([there.then(() => false), victim.ended.then(() => true)]);
  if (early) return { stood: 0, refused: said.at(-1) ?? "" };
  const begun = performance.now();
  const watchdog = watchdogOf(victim.pid);
  if (typeof when === "number") await sleep(when * window - (performance.now() - begun));
  const { stopped } = standing(made);
  strike(who, victim.pid, watchdog);
  await victim.ended;
  return { stood: stopped, refused: null };
}

/** Everybody runs and answers, and what was to be undone is, within some seconds. */
export async function allRuns(made: Ground, seconds: number): Promise<void> {
  const { place, services } = made.demo;
  await until("some process stands", seconds, async () =>
    standing(made).stopped === 0 ? true : null,
  );
  for (const service of choose(services).services) {
    await until(`${service.name} does not answer`, seconds, () => isReady(place, service));
  }
  await until("not undone", seconds, async () =>
    (await redis(made, "GET", UNDONE)) === "yes" ? true : null,
  );
}
