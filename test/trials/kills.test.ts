/**
 * A cut of the running demo instance is killed in its window: the watchdog, or the next start, has
 * everybody run again and undoes what was noted. `HOLDALL_SLOW=1` kills each of them at each step.
 */
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { barriersLeft, thaw } from "../../src/index.ts";
import { type Ground, ground, runs } from "./ground.ts";
import { allRuns, killed, plantUndo, runCut, type Who } from "./kill.ts";

const SECONDS = 5;
vi.setConfig({ testTimeout: 600_000 });

const WHO: readonly Who[] = ["holdall", "watchdog", "group"];
const STEPS = ["flush", "stop", "cut", "prove", "thaw"];
/** One of them at each step, all of them on demand; `barrier.test.ts` has all, on plain writers. */
const chosen = (at: number) =>
  WHO.filter((_, who) => process.env.HOLDALL_SLOW !== undefined || who === at % WHO.length);

describe.runIf(runs)("after a kill in the window", () => {
  let made: Ground;
  let struck = 0;
  let stood = 0;
  beforeAll(async () => {
    const place = await ground("folder", 3, 20);
    if (typeof place === "string") throw new Error(place);
    made = place;
    plantUndo(made);
    await made.demo.drivers.start();
  }, 120_000);
  afterAll(() => made[Symbol.asyncDispose](), 120_000);

  async function trial(who: Who, step: string): Promise<void> {
    const state = `${made.demo.root}.barriers`;
    const outcome = await killed(made, who, step);
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

  it("something had stood, and the next cut takes away what was left", async () => {
    console.info(`of ${struck} kills, something stood stopped in ${stood}`);
    expect(stood).toBeGreaterThan(struck / 2);
    await runCut(made);
    const left = (folder: string) =>
      readdirSync(folder).filter((name) => name.startsWith(".holdall-view-"));
    expect([...left(made.demo.root), ...left(dirname(made.demo.root))]).toEqual([]);
  });
});
