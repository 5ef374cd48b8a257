/** Which packs a prune chooses: a plan from facts alone. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planPrune } from "../../src/index.ts";

const MIB = 1 << 20;

function facts(rows: readonly [used: number, held: number][], condemned = 0) {
  const packs = rows.map(([used, held], i) => ({
    name: `p${String(i).padStart(3, "0")}`,
    length: held + 1000,
    held,
    used,
  }));
  const bytes = condemned + packs.reduce((n, p) => n + p.length, 0);
  return { packs, bytes, condemned };
}

describe("the plan of a prune", () => {
  it("takes what nothing needs, whatever the limits", () => {
    const plan = planPrune(
      facts([
        [0, 8 * MIB],
        [8 * MIB, 8 * MIB],
      ]),
      { maxUnused: 1, maxRepack: 0 },
    );
    expect(plan).toMatchObject({ packs: ["p000"], unusedPacks: 1, repackedPacks: 0, left: 0 });
    expect(plan.freed).toBe(8 * MIB + 1000);
  });

  it("repacks the most wasteful first, until little is unused", () => {
    const rows: [number, number][] = [8, 2, 6, 7.9].map((used) => [used * MIB, 8 * MIB]);
    expect(planPrune(facts(rows), { maxUnused: 0.1 }).packs).toEqual(["p001"]);
    expect(planPrune(facts(rows), { maxUnused: 0 }).packs).toEqual(["p001", "p002", "p003"]);
    expect(planPrune(facts(rows), { maxUnused: 1 }).packs).toEqual([]);
  });

  it("copies no more than it may", () => {
    const rows: [number, number][] = [1, 2, 3].map((used) => [used * MIB, 8 * MIB]);
    const plan = planPrune(facts(rows), { maxUnused: 0, maxRepack: 3 * MIB });
    expect(plan).toMatchObject({ packs: ["p000", "p001"], copied: 3 * MIB, left: 5 * MIB });
  });

  it("lets a pack be of which next to nothing is unused, and joins small ones when many", () => {
    const whole: [number, number] = [MIB - 1000, MIB];
    expect(planPrune(facts(Array(64).fill(whole)), { maxUnused: 0 }).packs).toEqual([]);
    const many = planPrune(facts(Array(65).fill(whole)), { maxUnused: 0 });
    expect(many.repackedPacks).toBe(65);
  });

  it("keeps to its limits, and every choice is a pack that there is, once", () => {
    const row = fc.nat(16 * MIB).chain((held) => fc.tuple(fc.nat(held), fc.constant(held)));
    const limits = fc.record({
      maxUnused: fc.float({ min: 0, max: 1, noNaN: true }),
      maxRepack: fc.nat(64 * MIB),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), limits, (rows, options) => {
        const all = facts(rows);
        const plan = planPrune(all, options);
        const chosen = new Set(plan.packs);
        expect(chosen.size).toBe(plan.packs.length);
        expect(plan.packs.length).toBe(plan.unusedPacks + plan.repackedPacks);
        expect(plan.copied).toBeLessThanOrEqual(options.maxRepack);
        for (const p of all.packs) if (p.used === 0) expect(chosen.has(p.name)).toBe(true);
        const sum = all.packs.filter((p) => chosen.has(p.name)).reduce((n, p) => n + p.length, 0);
        expect(plan.freed + plan.copied).toBe(sum);
        const left = all.packs
          .filter((p) => !chosen.has(p.name))
          .reduce((n, p) => n + p.held - p.used, 0);
        expect(plan.left).toBe(left);
      }),
    );
  });
});
