/** The oracle sees each thing that can be wrong with a cut, and nothing in one that is right. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  begun,
  type Chain,
  largestGap,
  openJournal,
  payload,
  type Recorded,
  readJournal,
  unitOf,
} from "./chain.ts";
import { momentsOf } from "./moments.ts";
import { judge, type Moments, type UnitMoments } from "./oracle.ts";
import type { Answer } from "./unit.ts";

const UNITS = ["a/list", "b/register", "c/list"];
const chain = (inside: boolean): Chain => ({ name: "x-1", inside, context: "acme", units: UNITS });

/** Operation n is sent at 10n and acknowledged at 10n + 5. */
function line(inside: boolean, length: number): Recorded[] {
  return Array.from({ length }, (_, n) => ({
    ...{ chain: chain(inside), n, unit: UNITS[n % 3] ?? "" },
    ...{ sent: BigInt(10 * n), acknowledged: BigInt(10 * n + 5) },
  }));
}

function later(op: Recorded, by: bigint): Recorded {
  return { ...op, sent: op.sent + by, acknowledged: (op.acknowledged ?? 0n) + by };
}

/** What every unit holds when the first `length` operations are there. */
function held(length: number): Map<string, string[]> {
  const values = new Map<string, string[]>(UNITS.map((unit) => [unit, []]));
  for (let n = 0; n < length; n++) {
    const unit = unitOf({ chain: chain(true), n });
    const before = unit === "b/register" ? [] : (values.get(unit) ?? []);
    values.set(unit, [...before, payload("x-1", n)]);
  }
  return values;
}

const moments = (at: number, units: Record<string, UnitMoments> = {}): Moments => ({
  writersStopped: BigInt(at),
  continued: BigInt(at + 100),
  units,
});

function found(
  values: Map<string, string[]>,
  when: Moments,
  { inside = true, torn = [] as string[] } = {},
) {
  const answers = new Map<string, Answer>();
  for (const [unit, list] of values) {
    answers.set(unit, { values: list, torn: unit === "a/list" ? torn : [] });
  }
  const report = judge(
    [line(inside, 30)],
    new Map([["x-1", answers]]),
    new Set(["b/register"]),
    when,
  );
  return report.findings.map(({ kind, unit, n }) => `${kind} ${unit} ${n}`);
}

describe("the oracle", () => {
  it("accepts a cut at any place between what is promised and what is forbidden", () => {
    // Acknowledged before 100: up to 9; sent before 200: up to 20.
    for (let length = 10; length <= 21; length++) {
      expect(found(held(length), moments(100))).toEqual([]);
    }
  });

  it("sees an acknowledged operation that is lost at the end", () => {
    expect(found(held(9), moments(100))).toEqual(["lost a/list 9"]);
    expect(found(held(8), moments(100))).toEqual(["lost c/list 8", "lost a/list 9"]);
  });

  it("promises nothing of what a unit acknowledged after its flush was asked for", () => {
    const early = { "a/list": { flushed: 94n }, "c/list": { flushed: 84n } };
    expect(found(held(8), moments(100, early))).toEqual([]);
  });

  it("sees what was sent after the first continue, or after its service stood", () => {
    expect(found(held(22), moments(100))).toEqual(["after a/list 21"]);
    const stood = { "c/list": { flushed: 100n, stopped: 190n } };
    expect(found(held(21), moments(100, stood))).toEqual(["after c/list 20"]);
  });

  it("sees what was never sent", () => {
    const values = held(10);
    values.get("a/list")?.push(payload("x-1", 33));
    expect(found(values, moments(100)).slice(0, 1)).toEqual(["after a/list 33"]);
  });

  it("sees one dropped in the middle, as lost and as out of order", () => {
    const values = held(12);
    values.get("a/list")?.splice(1, 1);
    expect(found(values, moments(100))).toEqual(["lost a/list 3", "order a/list 3"]);
  });

  it("sees an order broken between units, where nothing that was promised is lost", () => {
    const values = held(15);
    values.get("a/list")?.pop();
    expect(found(values, moments(100))).toEqual(["order a/list 12"]);
    // To a driver outside the set only the order inside each unit is promised.
    expect(found(values, moments(100), { inside: false })).toEqual([]);
    values.get("a/list")?.splice(3, 1);
    values.get("a/list")?.push(payload("x-1", 12));
    expect(found(values, moments(50), { inside: false })).toEqual(["order a/list 9"]);
  });

  it("sees a swapped pair", () => {
    const list = held(12).get("a/list") ?? [];
    const [first = "", second = "", ...rest] = list;
    const values = held(12).set("a/list", [second, first, ...rest]);
    expect(found(values, moments(100))).toEqual(["order a/list 0"]);
  });

  it("sees values that are cut, foreign or of another unit", () => {
    const values = held(10);
    const list = values.get("a/list") ?? [];
    values.set("a/list", [...list.slice(0, 3), (list[3] ?? "").slice(0, -1)]);
    expect(found(values, moments(50))).toEqual(["torn a/list 9"]);
    expect(found(held(10).set("b/register", [""]), moments(0))).toEqual(
      expect.arrayContaining(["torn b/register null"]),
    );
    values.set("a/list", [...list, payload("x-1", 10)]);
    expect(found(values, moments(50))).toEqual(["torn a/list 10"]);
  });

  it("sees what a service says of itself, and one that does not answer", () => {
    expect(found(held(10), moments(100), { torn: ["row without file"] })).toEqual([
      "torn a/list null",
    ]);
    const values = held(10);
    values.delete("b/register");
    expect(found(values, moments(0))).toContain("torn b/register null");
  });
});

describe("moments", () => {
  it("takes a barrier's word: a flush, or else the stop of the service", () => {
    const { units, ...rest } = momentsOf({
      ...{ all: 50, thaw: 90 },
      flushed: new Map([["hero_db/databases", 20]]),
      stopped: new Map([
        ["hero_db", [30, 35] as const],
        ["redis", [40, 45] as const],
      ]),
    });
    expect(rest).toEqual({ writersStopped: 50n, continued: 90n });
    expect(units["hero_db/databases"]).toEqual({ flushed: 20n, stopped: 35n });
    expect(units["redis/aof"]).toEqual({ flushed: 40n, stopped: 45n });
    expect(units["postgres/cluster"]).toEqual({ flushed: 50n });
  });
});

describe("the journal", () => {
  it("tells the largest gap and what was begun, in all or in a span", () => {
    const late = line(true, 30).map((op) => (op.n < 20 ? op : later(op, 1_000_000n)));
    expect(largestGap(late)).toBeCloseTo(1.00001);
    expect(largestGap(late, [0n, 100n])).toBeCloseTo(0.00001);
    expect(largestGap(late, [200n, 300n])).toBeCloseTo(1.00001);
    expect(largestGap([])).toBe(0);
    expect(begun([late], [100n, 200n])).toBe(10);
    expect(begun([late], [200n, 300n])).toBe(0);
  });

  it("gives back what was written, without the line its writer was killed in", async () => {
    const folder = mkdtempSync(join(tmpdir(), "journal-"));
    try {
      const made = chain(true);
      {
        await using journal = await openJournal(folder, made);
        await journal.sent(0, 7n);
        journal.acknowledged(0, 9n);
        await journal.sent(1, 12n);
        await journal.failed(1, 13n, "gone\naway");
      }
      writeFileSync(join(folder, "x-1.log"), "A 1 1", { flag: "a" });
      const [records = []] = readJournal(folder);
      expect(records.map((r) => [r.n, r.unit, r.sent, r.acknowledged])).toEqual([
        [0, "a/list", 7n, 9n],
        [1, "b/register", 12n, null],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
