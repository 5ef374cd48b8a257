/** Retention: what each rule keeps, and all that makes it refuse. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Candidate, type Policy, planRetention } from "../../src/repo/retention.ts";

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);

/** Snapshots one after the other, each having seen the one before. */
function line(times: readonly number[], more: Partial<Candidate> = {}): Candidate[] {
  return times.map((time, i) => ({
    ...{ id: `s${i}`, host: "h", paths: ["/srv"], tags: [], time },
    ...{ writer: `w${i}`, sequence: 1, heads: i > 0 ? [`s${i - 1}`] : [], tested: true },
    ...more,
  }));
}

const kept = (snapshots: readonly Candidate[], policy: Policy, now = START + 1000 * DAY) =>
  planRetention(snapshots, policy, now).flatMap((g) =>
    g.verdicts.filter((v) => v.keep).map((v) => v.id),
  );
const refused = (snapshots: readonly Candidate[], policy: Policy, now = START + 1000 * DAY) =>
  planRetention(snapshots, policy, now).map((g) => g.refused);

it("groups by what it is told to", () => {
  const times = [0, 1, 2, 3].map((d) => START + d * DAY);
  const all = line(times).map((c, i) => ({
    ...{ ...c, host: i % 2 ? "a" : "b", tags: [i < 2 ? "x" : "y"] },
    paths: ["/one"],
  }));
  const groups = (by: Parameters<typeof planRetention>[3]) =>
    planRetention(all, { last: 1 }, START, by).map((g) => g.verdicts.length);
  expect(groups(["host", "paths"])).toEqual([2, 2]);
  expect(groups(["tags"])).toEqual([2, 2]);
  expect(groups(["host", "tags"])).toEqual([1, 1, 1, 1]);
  expect(groups([])).toEqual([4]);
});

const policies = fc.record({
  last: fc.nat(3),
  hourly: fc.nat(3),
  daily: fc.nat(3),
  weekly: fc.nat(3),
  monthly: fc.nat(3),
  yearly: fc.nat(3),
});
const someTimes = fc
  .array(fc.integer({ min: 0, max: 800 * 24 }), { minLength: 1, maxLength: 40 })
  .map((hours) => hours.sort((a, b) => a - b).map((h) => START + (h * DAY) / 24));

const shuffled = someTimes.chain((times) =>
  fc.tuple(fc.constant(times), fc.shuffledSubarray(line(times), { minLength: times.length })),
);

describe("retention", () => {
  it("keeps the newest of each period, with reasons", () => {
    const days = line([0, 0.5, 1, 1.5, 2, 2.5].map((d) => START + d * DAY));
    expect(kept(days, { daily: 2 })).toEqual(["s3", "s5"]);
    expect(kept(days, { last: 1, yearly: 5 })).toEqual(["s5"]);
    const [group] = planRetention(days, { last: 1, daily: 1 }, START);
    expect(group?.verdicts.at(-1)?.reasons).toEqual(["last 1", "daily 1"]);
  });

  it("begins weeks on Monday", () => {
    const [sunday, monday] = [Date.UTC(2026, 10, 22), Date.UTC(2026, 10, 23)];
    expect(kept(line([sunday, monday]), { weekly: 5 })).toEqual(["s0", "s1"]);
    expect(kept(line([monday, monday + 6 * DAY]), { weekly: 5 })).toEqual(["s1"]);
  });

  it("keeps tags, and groups by host and paths", () => {
    const old = line([START], { id: "old", tags: ["gold"] } as Partial<Candidate>);
    const other = line([START + 1], { id: "other", host: "g" });
    const all = [...old, ...other, ...line([START + 2])];
    expect(kept(all, { last: 1 }).sort()).toEqual(["other", "s0"]);
    expect(kept(all, { last: 1, tags: ["gold"] }).sort()).toEqual(["old", "other", "s0"]);
  });

  it("never empties a group unless told", () => {
    const all = line([START, START + DAY]);
    expect(refused(all, { tags: ["none"] })[0]).toContain("every snapshot");
    expect(kept(all, { tags: ["none"] })).toEqual(["s0", "s1"]);
    expect(kept(all, { tags: ["none"], mayEmpty: true })).toEqual([]);
    expect(() => planRetention(all, {}, START)).toThrow("forget everything");
  });

  it("is not fooled by one snapshot dated 2099, wherever it stands", () => {
    const times = [0, 1, 2, 3].map((d) => START + d * DAY);
    const far = Date.UTC(2099, 0, 1);
    const middle = line(times.map((t, i) => (i === 1 ? far : t)));
    expect(refused(middle, { last: 1 })[0]).toContain("times disagree with the log");
    expect(kept(middle, { last: 1 }).length).toBe(4);
    const newest = line([...times, far]);
    expect(kept(newest, { within: 10 * DAY }, START + 4 * DAY).length).toBe(5);
    // A clock that runs years ahead here empties nothing either.
    expect(kept(line(times), { within: 10 * DAY }, far).length).toBe(4);
  });

  it("counts only what passed the writer's test, and leaves the rest alone", () => {
    const all = line([START, START + DAY, START + 2 * DAY]);
    const doubt = all.map((c) => (c.id === "s2" ? { ...c, tested: false } : c));
    expect(kept(doubt, { last: 1 })).toEqual(["s1", "s2"]);
    const none = all.map((c) => ({ ...c, tested: false }));
    expect(kept(none, { last: 1, mayEmpty: true })).toEqual(["s0", "s1", "s2"]);
  });

  it("still sees a wrong date when what lay between is forgotten", () => {
    const times = [0, 90, 2].map((d) => START + d * DAY);
    const gaps = line(times).map((c, i) => ({ ...c, sequence: 1 + 2 * i, heads: ["forgotten"] }));
    expect(refused(gaps, { last: 1 })[0]).toContain("times disagree with the log");
  });
});

describe("a plan of retention", () => {
  it("keeps what a simple count says, in the order of the log", () => {
    fc.assert(
      fc.property(shuffled, policies, ([times, mixed], policy) => {
        const counts = Object.values(policy);
        fc.pre(counts.some((n) => n > 0));
        const all = line(times);
        const keeps = kept(mixed, policy);
        expect(keeps).toContain(`s${times.length - 1}`);
        expect(keeps.length).toBeLessThanOrEqual(counts.reduce((a, b) => a + b));
        expect(keeps).toEqual(
          expect.arrayContaining(all.slice(-policy.last || Infinity).map((c) => c.id)),
        );
        // Forgetting and planning again changes nothing.
        const left = all.filter((c) => keeps.includes(c.id));
        const chained = left.map((c, i) => ({ ...c, heads: i > 0 ? [left[i - 1]?.id ?? ""] : [] }));
        expect(kept(chained, policy)).toEqual(keeps);
      }),
      { numRuns: 300 },
    );
  });

  it("refuses every group whose times run against its log, and no other", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { minLength: 2, maxLength: 12 }), (days) => {
        const all = line(days.map((d) => START + d * DAY));
        const sorted = days.every((d, i) => i === 0 || (days[i - 1] ?? 0) <= d);
        expect(refused(all, { last: 1 })[0] === null).toBe(sorted);
      }),
    );
  });

  it("refuses a log with a loop", () => {
    const [a, b] = line([START, START + DAY]) as [Candidate, Candidate];
    const loop = [{ ...a, heads: ["s1"] }, b];
    expect(refused(loop, { last: 1 })[0]).toContain("not in order");
  });
});
