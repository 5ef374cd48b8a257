/** Negative controls: each broken barrier is seen more than once in 50 trials, here as often. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { CONTROLS } from "./controls.ts";
import { type Ground, ground, runs } from "./ground.ts";
import { trial } from "./trial.ts";

vi.setConfig({ testTimeout: 1_200_000 });

const MOST = 50;
const ENOUGH = 2;

describe.runIf(runs)("the oracle finds fault with a cut that has", () => {
  let made: Ground;
  beforeAll(async () => {
    const place = await ground("folder", 2);
    if (typeof place === "string") throw new Error(place);
    made = place;
  }, 120_000);
  afterAll(() => made[Symbol.asyncDispose](), 120_000);

  it.each(Object.keys(CONTROLS) as (keyof typeof CONTROLS)[])("%s", async (name) => {
    const failed: string[] = [];
    let tried = 0;
    while (tried < MOST && failed.length < ENOUGH) {
      const { report } = await trial(made, tried++, CONTROLS[name]);
      const [first] = report.findings;
      if (first !== undefined) failed.push(`${first.kind} ${first.unit}: ${first.why}`);
    }
    console.info(`${name}: ${failed.length} of ${tried} seen: ${failed.join("; ")}`);
    expect(failed.length).toBe(ENOUGH);
  });
});
