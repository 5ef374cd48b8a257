/** What a cut is worth: no level is told that the facts do not bear. */
import { describe, expect, it } from "vitest";
import { type Graded, isBelow, levels, worst } from "../../src/freeze/level.ts";

const unit = (id: string, more: Partial<Graded> = {}): Graded => ({
  id,
  crashSafe: "process",
  handedOver: false,
  cutWith: [],
  ...more,
});

const level = (units: Graded[], paused: boolean, kind: "btrfs" | "copy" | "live" = "btrfs") =>
  [...levels(units, paused, () => kind)].map(([id, l]) => `${id}: ${l.inside}, ${l.across}`);

describe("levels", () => {
  it("of what stood: as a killed process leaves it, unless that loses what was acknowledged", () => {
    const units = [unit("a"), unit("b", { crashSafe: "no" })];
    const drained = unit("c", { crashSafe: "no", handedOver: true });
    expect(level([...units, drained], true)).toEqual([
      "a: process-crash, one moment",
      "b: unknown, one moment",
      "c: process-crash, one moment",
    ]);
  });

  it("of what did not stand: as a power cut leaves it, of an engine that survives one", () => {
    const units = [unit("a"), unit("b", { crashSafe: "power" })];
    expect(level(units, false)).toEqual(["a: unknown, none", "b: power-crash, none"]);
    expect(level(units, false, "copy")).toEqual(["a: unknown, none", "b: unknown, none"]);
    expect(level(units, true, "live")).toEqual(["a: unknown, none", "b: unknown, none"]);
  });

  it("of units that are cut together: the worst of them, through others too", () => {
    const units = [
      unit("a", { cutWith: ["b"] }),
      unit("b", { cutWith: ["c"] }),
      unit("c", { crashSafe: "no" }),
      unit("d"),
    ];
    expect(level(units, true)).toEqual([
      "a: unknown, one moment",
      "b: unknown, one moment",
      "c: unknown, one moment",
      "d: process-crash, one moment",
    ]);
  });

  it("of what its engine copied: native, at a moment of its own; its group has the worst", () => {
    const copied = { captured: true, crashSafe: "no" } as const;
    const units = [unit("a", copied), unit("b", { ...copied, cutWith: ["c"] }), unit("c")];
    expect(level(units, false)).toEqual([
      "a: native, none",
      "b: unknown, none",
      "c: unknown, none",
    ]);
    expect(level(units, true)).toEqual([
      "a: native, none",
      "b: process-crash, none",
      "c: process-crash, none",
    ]);
  });

  it("of what had ended, with proof: a clean stop, as long as all stand for the cut", () => {
    const ended = { ended: true, crashSafe: "no" } as const;
    expect(level([unit("a", ended)], true)).toEqual(["a: clean-stop, one moment"]);
    expect(level([unit("a", ended)], false)).toEqual(["a: unknown, none"]);
    expect(level([unit("a", { ...ended, cutWith: ["b"] }), unit("b")], true)).toEqual([
      "a: process-crash, one moment",
      "b: process-crash, one moment",
    ]);
  });

  it("are compared in both words", () => {
    const all = [
      ...levels([unit("a"), unit("b", { crashSafe: "no" })], true, () => "btrfs").values(),
    ];
    expect(worst(all)?.inside).toBe("unknown");
    const [first] = all;
    if (first === undefined) throw new Error("no level");
    expect(isBelow(first, "process-crash", "one moment")).toBe(false);
    expect(isBelow(first, "native", "none")).toBe(true);
    expect(isBelow({ ...first, across: "none" }, "unknown", "order kept")).toBe(true);
  });
});
