/**
 * Barriers over the running demo instance, judged by the oracle: nothing acknowledged is lost,
 * nothing is torn, out of order, or from after the first continue.
 *
 * `HOLDALL_TRIALS=200` runs those of them that `ledger.md` has not, and writes them there;
 * `SEED=17 HOLDALL_TRIALS=1` repeats one.
 */
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { FreezerKind } from "../../src/freeze/freezer.ts";
import type { Kind } from "../support/mounts.ts";
import { ground, runs } from "./ground.ts";
import { type Row, row, seedsIn, summary, writeDown } from "./ledger.ts";
import { trial } from "./trial.ts";

const FIRST = Number(process.env.SEED ?? 1);
const COUNT = Number(process.env.HOLDALL_TRIALS ?? 20);
const LEDGER = join(import.meta.dirname, "ledger.md");
vi.setConfig({ testTimeout: 60_000 + COUNT * 60_000 });

/** File systems, and by what the instance is cut there. */
const PLACES: readonly (readonly [Kind, FreezerKind])[] = [
  ["btrfs", "btrfs"],
  ["xfs", "reflink"],
  ["ext4", "copy"],
];

const goesOn = process.env.HOLDALL_TRIALS !== undefined && process.env.SEED === undefined;
const known = goesOn ? seedsIn(LEDGER) : new Set<number>();
const seeds = Array.from({ length: COUNT }, (_, at) => FIRST + at).filter((s) => !known.has(s));
const done: Row[] = [];

describe.runIf(runs)("a cut of the running demo instance", () => {
  it.each(PLACES)("on %s, by %s, is one that the oracle believes", async (kind, freezer) => {
    const place = PLACES.findIndex(([name]) => name === kind);
    const own = seeds.filter((seed) => seed % PLACES.length === place);
    if (own.length === 0) return;
    const made = await ground(kind, 1);
    if (typeof made === "string") return void console.warn(made);
    await using _ = made;
    const wrong: string[] = [];
    for (const seed of own) {
      const outcome = await trial(made, seed);
      done.push(row(outcome));
      if (process.env.HOLDALL_TRIALS !== undefined) writeDown(LEDGER, row(outcome));
      expect(outcome.freezer).toBe(freezer);
      const { findings } = outcome.report;
      wrong.push(...findings.map((f) => `SEED=${seed}: ${Object.values(f).join(" ")}`));
    }
    expect(wrong, "repeat one with: SEED=… HOLDALL_TRIALS=1").toEqual([]);
  });

  it("had operations begun while it was stopped", () => {
    console.info(summary(done).join("\n"));
    expect(done.filter(({ begun }) => begun !== "0").length).toBeGreaterThan(0.9 * done.length);
    expect(done.every(({ promised }) => Number(promised) > 20)).toBe(true);
  });
});
