/** The deletion protocol holds in every small scene, and every guard is seen to matter. */
import { describe, expect, it } from "vitest";
import { GUARDS } from "./guards.ts";
import { line, run, runWithout } from "./report.ts";
import { SMALL } from "./scenes.ts";

describe("the deletion protocol", () => {
  it.each(Object.entries(SMALL))(
    "keeps everything acknowledged: %s",
    (name, scene) => {
      const result = run(scene, { liveness: true, limit: 3e6 });
      console.log(line(name, result));
      expect(result.violation).toBeNull();
      expect(result.exhausted).toBe(true);
    },
    120_000,
  );

  it.each(GUARDS.map((g) => [g.guard, g] as const))(
    "fails without the guard: %s",
    (_, guard) => {
      const result = runWithout(guard);
      expect(result.violation).not.toBeNull();
      expect(result.trace.length).toBe(result.trace.filter((step) => step !== "").length);
    },
    120_000,
  );

  it.each(Object.entries(SMALL).slice(0, 2))("its reductions hide nothing: %s", (_, scene) => {
    const [less, all] = [run(scene), run(scene, { full: true })];
    expect(less.states).toBeLessThan(all.states);
    expect([less.violation, all.violation]).toEqual([null, null]);
  });
});
