/** How large packs are made: by what a repository has, or as it was said. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextFill, PACK_SIZES, packing } from "../../src/repo/packing.ts";

const [MIB, GIB] = [2 ** 20, 2 ** 30];
const fillOf = (stored: number) => nextFill({ stored }) / MIB;

describe("the size of a pack", () => {
  it("doubles with the repository, from 16 MiB to 128", () => {
    const steps = [0, 1, 64 * GIB, 64 * GIB + 1, 128 * GIB, 128 * GIB + 1, 256 * GIB];
    expect(steps.map(fillOf)).toEqual([16, 16, 16, 32, 32, 64, 64]);
    expect([256 * GIB + 1, 512 * GIB, 2 ** 50].map(fillOf)).toEqual([128, 128, 128]);
  });

  it("is one of four, never smaller in a larger repository, and keeps packs few", () => {
    const bytes = fc.double({ min: 0, max: 2 ** 53, noNaN: true }).map(Math.floor);
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        expect(PACK_SIZES).toContain(fillOf(less));
        expect(fillOf(more)).toBeGreaterThanOrEqual(fillOf(less));
        if (more <= 512 * GIB) expect(more / (fillOf(more) * MIB)).toBeLessThanOrEqual(4096);
      }),
      { seed: 12 },
    );
  });

  it("is as it was said, whatever the repository has", () => {
    const packs = [{ name: "a", length: 300 * GIB }];
    expect(nextFill(packing(packs)) / MIB).toBe(128);
    expect(PACK_SIZES.map((size) => nextFill(packing(packs, size)) / MIB)).toEqual(PACK_SIZES);
  });

  it("is refused when it is no such size", () => {
    for (const size of [0, 8, 20, 256, 32.5]) {
      expect(() => packing([], size)).toThrow(`packs of ${size} MiB: give 16, 32, 64, 128`);
    }
  });
});
