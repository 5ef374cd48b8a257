/** The budget of memory: never overdrawn, never wasted on fewer workers than fit. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { budget, LEAST_MEMORY } from "../../src/repo/budget.ts";

describe("a budget of memory", () => {
  it("is kept, and holds at least one worker and three packs", () => {
    const memory = fc.integer({ min: LEAST_MEMORY, max: 4096 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), memory, (cores, given) => {
        const { workers, slots } = budget(cores, given);
        expect(slots * 16 + workers * 12 + 12).toBeLessThanOrEqual(given);
        expect(workers).toBeGreaterThanOrEqual(1);
        expect(slots).toBeGreaterThanOrEqual(3);
        const more = budget(cores, given + 100);
        expect(more.workers).toBeGreaterThanOrEqual(workers);
      }),
      { seed: 5 },
    );
  });

  it("refuses what is too little by its number", () => {
    expect(() => budget(2, LEAST_MEMORY - 1)).toThrow(`${LEAST_MEMORY} are needed`);
  });
});
