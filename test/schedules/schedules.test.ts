/**
 * Seeded schedules of the real code: processes on one store, each store call of which the seed lets
 * through, delays, loses or kills. What was acknowledged restores, nobody is refused, and space
 * comes back, whatever happened; without a guard of the protocol that is seen to be false.
 *
 * `HOLDALL_SCHEDULES=100000` runs more of them; `SEED=4711 HOLDALL_SCHEDULES=1` replays one alone.
 */
import { describe, expect, it } from "vitest";
import { GUARDS } from "../model/guards.ts";
import { schedules } from "./launch.ts";

const FIRST = Number(process.env.SEED ?? 1);
const COUNT = Number(process.env.HOLDALL_SCHEDULES ?? 10_000);
/** Schedules in which a planted fault has to show. */
const WITHIN = 1000;

it(`${COUNT} schedules lose nothing`, { timeout: 60_000 + COUNT * 200 }, async () => {
  const { bad, traces, steps, acknowledged, cpu } = await schedules(FIRST, COUNT);
  const [first] = bad;
  const text = first
    ? `${bad.length} schedules went wrong, the first:\n${first.log.join("\n")}\n` +
      `${first.wrong}\nreplay it with: SEED=${first.seed} HOLDALL_SCHEDULES=1`
    : "";
  const wrong = bad.map((b) => `${b.seed}: ${b.wrong}`);
  expect(wrong, text).toEqual([]);
  expect(new Set(traces).size).toBeGreaterThan(COUNT * 0.99);
  process.stdout.write(
    `${COUNT} schedules, ${steps} store calls, ${acknowledged} snapshots acknowledged, ` +
      `${cpu.toFixed(0)} s of CPU time\n`,
  );
});

it("a schedule is its seed's: alone or after others, it takes the same steps", async () => {
  const [all, some] = [await schedules(1, 40), await schedules(31, 10)];
  expect(new Set(all.traces).size).toBe(40);
  expect(some.traces).toEqual(all.traces.slice(30));
}, 120_000);

/** Guards whose absence up to a thousand schedules show; the model shows it of every one. */
const SHOWN = [
  ...["condemned", "claim-first", "fences-after-put", "leaves-first"],
  ...["wait", "intent", "look", "claims-first", "mark-again", "copy-first"],
];

describe("without a guard something is lost", () => {
  it.each(SHOWN)("%s", { timeout: 300_000 }, async (name) => {
    expect(GUARDS.find((g) => g.guard === name)?.rules).toBeDefined();
    const { bad } = await schedules(FIRST, WITHIN, name);
    expect(bad.length, `not seen in ${WITHIN} schedules`).toBeGreaterThan(0);
  });
});
