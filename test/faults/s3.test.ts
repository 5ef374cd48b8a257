/**
 * Every request of every verb to a store afar meets every fault, one at a time; then seeded faults,
 * many at once. A verb succeeds or fails with one line, soon; the next run goes on, and everything
 * that was acknowledged comes back.
 *
 * A sample of a seed (`SEED`) each time; all of them with `HOLDALL_SLOW=1`.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { toFailure } from "../../src/index.ts";
import { chance } from "../support/chance.ts";
import { faultsOf, type NamedFault } from "../support/s3_faults.ts";
import { openWork, trial, VERBS, type Verb, type Work } from "../support/s3_work.ts";

const SEED = Number(process.env.SEED ?? 6);
const ALL = process.env.HOLDALL_SLOW === "1";
const SAMPLE = Number(process.env.TRIALS ?? 60);
/** Requests that one fault may cost beside those without it. */
const MORE = 40;

let work: Work;
beforeAll(async () => {
  work = await openWork();
}, 60_000);
afterAll(() => work?.[Symbol.dispose]());

const SECRETS = /fake-secret|Signature=/;

function judge(error: Error | null, where: string): void {
  if (error === null) return;
  const failure = toFailure(error);
  expect(failure.code, `${where}: ${failure.message}`).not.toBe("internal");
  expect(failure.message, where).toMatch(/^[^\n]+$/);
  expect(failure.message, where).not.toMatch(SECRETS);
}

it(
  "one fault, wherever it strikes, costs no more than the run that it strikes",
  async () => {
    const trials: [Verb, number, NamedFault][] = [];
    for (const verb of VERBS) {
      for (const [at, { kind }] of (work.golden.get(verb) ?? []).entries()) {
        for (const fault of faultsOf(kind)) trials.push([verb, at + 1, fault]);
      }
    }
    const { below } = chance(SEED);
    const some = ALL ? trials : Array.from({ length: SAMPLE }, () => trials[below(trials.length)]);
    const wrong: string[] = [];
    for (const one of some) {
      if (one === undefined) continue;
      const [verb, number, { name, fault }] = one;
      const where = `${verb}, request ${number}: ${name}`;
      try {
        const { failure, seen } = await trial(work, verb, (now) =>
          now.number === number ? fault : undefined,
        );
        judge(failure, where);
        const most = (work.golden.get(verb)?.length ?? 0) + MORE;
        expect(seen.length, where).toBeLessThan(most);
      } catch (error) {
        wrong.push(`${where}: ${(error as Error).message}`);
      }
    }
    expect(wrong).toEqual([]);
  },
  ALL ? 7_200_000 : 300_000,
);

/** Faults of the network and of a busy store, which repeating mends. */
const PASSING = [
  "500",
  "500 after",
  "503",
  "503 later",
  "SlowDown",
  "cut",
  "cut after",
  "body cut",
];
const SEEDS = ALL ? 200 : 3;

it("many faults at once that pass are ridden out", {
  timeout: ALL ? 7_200_000 : 120_000,
}, async () => {
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    const { below, odds } = chance(seed);
    const rate = 0.02 + below(1000) / 10_000;
    for (const verb of VERBS) {
      const where = `seed ${seed}, ${verb}, rate ${rate}`;
      const { failure, seen } = await trial(work, verb, ({ kind }) => {
        const some = faultsOf(kind).filter(({ name }) => PASSING.includes(name));
        return odds(rate) ? some[below(some.length)]?.fault : undefined;
      });
      expect(failure, where).toBeNull();
      const most = 2 * (work.golden.get(verb)?.length ?? 0) + MORE;
      expect(seen.length, where).toBeLessThan(most);
    }
  }
});

it.each([
  [14, "done"],
  [40, "store_down"],
])("an outage of %i minutes ends with: %s", { timeout: 60_000 }, async (minutes, end) => {
  let until = 0;
  const { failure } = await trial(work, "again", ({ number }) => {
    const now = work.runtime.clock.now();
    if (number === 12) until = now + minutes * 60_000;
    return now < until ? ({ cut }) => cut() : undefined;
  });
  judge(failure, end);
  expect(failure === null ? "done" : toFailure(failure).code).toBe(end);
  if (failure !== null) expect(failure.message).toMatch(/^s3:.*; given up after \d+ attempts$/);
});

it("an init that is cut off anywhere leaves nothing that a check would complain of", async () => {
  for (const { kind, number } of work.golden.get("init") ?? []) {
    const quota = faultsOf(kind).find(({ name }) => name === "quota");
    if (quota === undefined) continue;
    const { failure } = await trial(work, "init", (now) =>
      now.number === number ? quota.fault : undefined,
    );
    expect(failure).toMatchObject({ code: "disk_full" });
  }
}, 60_000);

it("a small object that was changed on the way is read again, and nothing fails", async () => {
  const corrupted = faultsOf("get").find(({ name }) => name === "corrupted")?.fault;
  for (const { kind, number } of work.golden.get("backup") ?? []) {
    if (kind !== "get") continue;
    const { failure } = await trial(work, "backup", (now) =>
      now.number === number ? corrupted : undefined,
    );
    expect(failure, `request ${number}`).toBeNull();
  }
}, 60_000);
