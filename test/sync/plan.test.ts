/** The plan of a sync, its cost and its rates, as values. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { steady } from "../../src/base/rate.ts";
import { hourlyRate, readPrices } from "../../src/cli/rates.ts";
import { costOf, finishAt, planSync, refuseAbove, type SyncFacts } from "../../src/index.ts";
import { headsThere, type Need } from "../../src/repo/transfer/plan.ts";

const need = fc
  .record({
    all: fc.integer({ min: 1, max: 1 << 24 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    blocks: fc.integer({ min: 1, max: 64 }),
    chunks: fc.integer({ min: 1, max: 5000 }),
  })
  .map(({ all, share, blocks, chunks }, i = 0): Need => {
    const bytes = Math.max(1, Math.floor(all * share));
    const stored = Math.ceil(all / 2);
    return { pack: `${i}`, length: all + 4096, chunks, bytes, all, stored, blocks };
  });

const facts: fc.Arbitrary<SyncFacts> = fc.record({
  wanted: fc.uniqueArray(fc.stringMatching(/^[a-f]{2}$/), { maxLength: 8 }),
  there: fc.array(fc.stringMatching(/^[a-f]{2}$/)).map((ids) => new Set(ids)),
  forgotten: fc.array(fc.stringMatching(/^[a-f]{2}$/)).map((ids) => new Set(ids)),
  broken: fc.array(fc.stringMatching(/^[a-f]{2}$/)).map((ids) => new Map(ids.map((i) => [i, "x"]))),
  needs: fc.array(need, { maxLength: 30 }),
  kin: fc.boolean(),
  wholeFrom: fc.constantFrom(0, 0.25, 0.5, 1, 1.01),
  fill: fc.constantFrom(16 << 20, 128 << 20),
});

describe("planSync", () => {
  it("copies what is wanted, lacking and whole, once, in the order given", () => {
    fc.assert(
      fc.property(facts, (f) => {
        const plan = planSync(f);
        const left = f.wanted.filter(
          (id) => ![f.there, f.forgotten, f.broken].some((set) => set.has(id)),
        );
        expect(plan.snapshots).toEqual(left);
        expect(plan.present).toBe(f.wanted.filter((id) => f.there.has(id)).length);
      }),
    );
  });

  it("takes every needed pack whole or in part, and whole only between replicas", () => {
    fc.assert(
      fc.property(facts, (f) => {
        const plan = planSync(f);
        const whole = f.needs.filter((n) => f.kin && n.bytes >= n.all * f.wholeFrom);
        expect(plan.packs).toEqual(whole.map((n) => n.pack));
        expect(plan.packBytes).toBe(whole.reduce((n, p) => n + p.length, 0));
        const rest = f.needs.filter((n) => !whole.includes(n));
        expect(plan.bytes).toBe(rest.reduce((n, p) => n + p.bytes, 0));
        expect(plan.down).toBe(plan.packBytes + rest.reduce((n, p) => n + p.stored, 0));
        expect(plan.to.puts).toBeGreaterThanOrEqual(whole.length + 3 * plan.snapshots.length);
        if (!f.kin || f.wholeFrom > 1) expect(plan.packs).toEqual([]);
      }),
    );
  });

  it("costs no less for more", () => {
    const prices = { storedGB: 20, outGB: 90, puts1000: 5, gets1000: 0.4 };
    fc.assert(
      fc.property(facts, need, (f, more) => {
        const cost = (g: SyncFacts) =>
          costOf(planSync(g), { to: prices, from: prices, now: 0, up: steady(1000) });
        const [a, b] = [cost(f), cost({ ...f, needs: [...f.needs, more] })];
        expect(b.once).toBeGreaterThanOrEqual(a.once);
        expect(b.monthly).toBeGreaterThanOrEqual(a.monthly);
        expect(b.minutes).toBeGreaterThanOrEqual(a.minutes);
        const total = a.once + a.monthly;
        expect(() => refuseAbove(a, total)).not.toThrow();
        if (total > 0) expect(() => refuseAbove(a, total * 0.999)).toThrow("would cost");
      }),
    );
  });
});

describe("heads at the destination", () => {
  const log = new Map([
    ["d", ["b", "c"]],
    ["c", ["a"]],
    ["b", ["a"]],
    ["a", []],
  ]);
  it("are the nearest that are there", () => {
    expect(headsThere(["d"], log, new Set(["d", "a"]))).toEqual(["d"]);
    expect(headsThere(["d"], log, new Set(["b", "c", "a"]))).toEqual(["b", "c"]);
    expect(headsThere(["b", "c"], log, new Set(["a"]))).toEqual(["a"]);
    expect(headsThere(["d"], log, new Set())).toEqual([]);
    expect(headsThere(["gone"], log, new Set(["a"]))).toEqual([]);
  });

  it("end where a damaged log has a loop", () => {
    const looped = new Map([
      ["x", ["y"]],
      ["y", ["x"]],
    ]);
    expect(headsThere(["x"], looped, new Set())).toEqual([]);
  });
});

describe("rates by the hour", () => {
  const at = (hour: number, minute = 0) => new Date(2026, 4, 4, hour, minute).getTime();
  const hours = (ms: number) => ms / 3_600_000;

  it("change at the full hour", () => {
    const rates = hourlyRate("08-18 1k, 10k");
    expect([rates[7], rates[8], rates[17], rates[18]]).toEqual([10240, 1024, 1024, 10240]);
    // Half an hour at 10k, then what is left at 1k.
    const bytes = 1800 * 10240 + 7200 * 1024;
    expect(hours(finishAt(rates, at(7, 30), bytes) - at(8))).toBeCloseTo(2);
    expect(finishAt(rates, at(7, 30), 0)).toBe(at(7, 30));
  });

  it("are free where nothing is said, and may pass midnight", () => {
    const night = hourlyRate("22-06 1M");
    expect([21, 22, 0, 5, 6].map((h) => night[h])).toEqual([
      Number.POSITIVE_INFINITY,
      1 << 20,
      1 << 20,
      1 << 20,
      Number.POSITIVE_INFINITY,
    ]);
    expect(finishAt(night, at(12), 1e12)).toBe(at(12));
    expect(hourlyRate("0-24 5k").every((rate) => rate === 5120)).toBe(true);
  });

  it("agree with adding up second by second", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 24, maxLength: 24 }),
        fc.integer({ min: 0, max: 86_399 }),
        fc.integer({ min: 0, max: 200_000 }),
        (rates, second, bytes) => {
          let [left, time] = [bytes, at(0) + second * 1000];
          while (left >= (rates[new Date(time).getHours()] ?? 0)) {
            left -= rates[new Date(time).getHours()] ?? 0;
            time += 1000;
          }
          const end = time + (left * 1000) / (rates[new Date(time).getHours()] ?? 1);
          expect(finishAt(rates, at(0) + second * 1000, bytes)).toBeCloseTo(end, 0);
        },
      ),
      { numRuns: 30 },
    );
  });

  it.each(["", "1M, 2M", "08-08 1M", "24-06 1M", "08-18", "x-y 1M", "08-18 fast"])(
    "refuse %j",
    (text) => expect(() => hourlyRate(text)).toThrow(),
  );
});

describe("prices of the config file", () => {
  it("are numbers of known names", () => {
    expect(readPrices({ currency: "EUR", storedGB: 0.02 }, "p")).toEqual({
      currency: "EUR",
      storedGB: 0.02,
    });
    for (const bad of [[], null, 3, { storedGB: "1" }, { storedGB: -1 }, { more: 1 }]) {
      expect(() => readPrices(bad, "p")).toThrow("p");
    }
  });
});
