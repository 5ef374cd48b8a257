/**
 * A cut of the running demo instance is killed in its window: the watchdog, or the next start, has
 * everybody run again and undoes what was noted. `HOLDALL_KILLS=100` kills more often.
 */
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { barriersLeft, thaw } from "../../src/index.ts";
import { noise } from "../support/noise.ts";
import { type Ground, ground, runs } from "./ground.ts";
import { allRuns, killed, plantUndo, type When, type Who, windowOf } from "./kill.ts";

const SEED = Number(process.env.SEED ?? 1);
const COUNT = Number(process.env.HOLDALL_KILLS ?? 10);
const SECONDS = 5;
/** Random kills at one instance: driven all the while, it grows, and each cut copies it. */
const AT_ONE = 20;
vi.setConfig({ testTimeout: 120_000 + COUNT * 60_000 });

const WHO: readonly Who[] = ["holdall", "watchdog", "group"];
const STEPS = ["flush", "stop", "cut", "prove", "thaw"];
/** One of them at each step, all of them on demand; `barrier.test.ts` has all, on plain writers. */
const chosen = (at: number) =>
  WHO.filter((_, who) => process.env.HOLDALL_KILLS !== undefined || who === at % WHO.length);

describe.runIf(runs)("after a kill in the window", () => {
  let made: Ground;
  let window = 0;
  let struck = 0;
  let stood = 0;
  let refusals = 0;
  async function begin(): Promise<void> {
    const place = await ground("folder", 3, 20);
    if (typeof place === "string") throw new Error(place);
    made = place;
    plantUndo(made);
    await made.demo.drivers.start();
    window = await windowOf(made);
  }
  const end = () => made[Symbol.asyncDispose]();
  beforeAll(begin, 120_000);
  afterAll(end, 120_000);

  async function trial(who: Who, when: When): Promise<void> {
    const state = `${made.demo.root}.barriers`;
    const outcome = await killed(made, who, when, window);
    // The driven instance is never twice the same: now and then one is in the way.
    if (outcome.refused !== null && ++refusals <= struck / 10 + 3) return trial(who, when);
    expect(outcome.refused).toBeNull();
    struck++;
    if (outcome.stood > 0) stood++;
    // Of a killed group only the next start knows.
    if (barriersLeft(state).length > 0) {
      const mended = await thaw(state);
      expect(mended.flatMap(({ failed }) => failed)).toEqual([]);
    }
    await allRuns(made, SECONDS);
    expect(barriersLeft(state)).toEqual([]);
  }

  it.each(STEPS)("before %s, everybody runs again", async (step) => {
    for (const who of chosen(STEPS.indexOf(step))) await trial(who, step);
  });

  it("at random instants, everybody runs again", async () => {
    for (let at = SEED; at < SEED + COUNT; at++) {
      if (at > SEED && (at - SEED) % AT_ONE === 0) {
        await end();
        await begin();
      }
      const part = noise(at, 4).readUInt32LE() / 2 ** 32;
      await trial(WHO[at % WHO.length] ?? "group", part);
    }
  });

  it("something had stood, and the next cut takes away what was left", async () => {
    console.info(`of ${struck} kills, something stood in ${stood}; ${refusals} cuts were refused`);
    expect(stood).toBeGreaterThan(struck / 2);
    await windowOf(made);
    const left = (folder: string) =>
      readdirSync(folder).filter((name) => name.startsWith(".holdall-view-"));
    expect([...left(made.demo.root), ...left(dirname(made.demo.root))]).toEqual([]);
  });
});
