/** The deletion protocol holds in every small scene, and every guard is seen to matter. */
import { describe, expect, it } from "vitest";
import { GUARDS } from "./guards.ts";
import { line, lineOfWalks, run, runWalks, runWithout } from "./report.ts";
import { SMALL, WIDE } from "./scenes.ts";

const scene = (name: string) => SMALL[name] ?? expect.fail(`no scene is called ${name}`);
const ONE = "1 writer, 1 prune";

describe("the deletion protocol", () => {
  it.each(Object.keys(SMALL))(
    "keeps everything acknowledged: %s",
    (name) => {
      const result = run(scene(name), { liveness: true, limit: 3e6 });
      console.log(line(name, result));
      expect(result.violation).toBeNull();
      expect(result.exhausted).toBe(true);
    },
    600_000,
  );

  it.each(GUARDS.map((g) => [g.guard, g] as const))(
    "fails without the guard: %s",
    (_, guard) => {
      const result = runWithout(guard);
      expect(result.violation).not.toBeNull();
      expect(result.trace.length).toBeGreaterThan(0);
      expect(result.trace).not.toContain("");
    },
    600_000,
  );

  it("needs no stop where a chunk is lost already: that is care, not a guard", () => {
    for (const name of [ONE, "2 sweeps of one list"]) {
      const result = run(scene(name), { slips: { goOnWhenLost: true } });
      expect([result.violation, result.exhausted]).toEqual([null, true]);
    }
  });
});

describe("random walks through scenes too large to exhaust", () => {
  const wide = Object.entries(WIDE);

  it.each(wide)(
    "lose nothing: %s",
    (name, scene) => {
      const result = runWalks(scene, 0, 1000);
      console.log(lineOfWalks(name, result));
      expect(result.broken).toBeNull();
    },
    600_000,
  );

  it.each(["condemned", "claim-first", "wait", "intent", "keepers-spared"])(
    "find what is lost without %s",
    (name) => {
      const { rules = {} } = GUARDS.find((g) => g.guard === name) ?? {};
      const found = wide.map(([, scene]) => runWalks(scene, 0, 1000, { rules }).broken);
      expect(found.some((broken) => broken !== null)).toBe(true);
    },
    600_000,
  );
});
