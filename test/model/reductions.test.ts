/** The model's reductions hide nothing, wherever a world without any can be explored whole. */
import { describe, expect, it } from "vitest";
import { GUARDS, type Guard } from "./guards.ts";
import { run } from "./report.ts";
import { SMALL } from "./scenes.ts";
import type { Scene } from "./stage.ts";

const scene = (name: string) => SMALL[name] ?? expect.fail(`no scene is called ${name}`);
const [ONE, TWO] = ["1 writer, 1 prune", "2 writers, 1 prune"];

/** All that goes wrong in a scene without a guard. */
function harms(scene: Scene, { rules = {}, slips = {} }: Guard, full: boolean): string[] {
  const violations = new Set<string>();
  const { exhausted } = run(scene, { rules, slips, full, violations });
  expect(exhausted).toBe(true);
  return [...violations].sort();
}

const SAFETY = GUARDS.filter((g) => g.breaks === "safety");
const small = ({ scene }: Guard): Scene => ({ ...scene, prunes: scene.prunes.slice(0, 1) });

describe("the model's reductions", () => {
  it.each([ONE, TWO])(
    "hide nothing of what is sound: %s",
    (name) => {
      const [less, all] = [run(scene(name)), run(scene(name), { full: true })];
      expect(less.states).toBeLessThan(all.states);
      expect([less.violation, all.violation]).toEqual([null, null]);
    },
    120_000,
  );

  it.each(SAFETY)(
    "hide no harm that is done without $guard",
    (guard) => {
      expect(harms(small(guard), guard, false)).toEqual(harms(small(guard), guard, true));
    },
    120_000,
  );

  // Where nobody puts an end, no end can be wrong.
  it.each(SAFETY.filter((g) => g.guard !== "unknown-put"))(
    "hide none in lean scenes either: $guard",
    (guard) => {
      const { forgets, ...rest } = small(guard);
      const scene = { ...rest, forgotten: forgets ?? rest.forgotten ?? [] };
      const lean = harms({ ...scene, lean: true }, guard, false);
      expect(lean).toEqual(expect.arrayContaining(harms(scene, guard, true)));
    },
    120_000,
  );

  it.each(["condemned", "wait", "look", "mark-again", "claims-first"])(
    "find what is lost without %s also among alike writers",
    (name) => {
      const { rules = {} } = GUARDS.find((g) => g.guard === name) ?? {};
      expect(run(scene(TWO), { rules }).violation).not.toBeNull();
    },
  );
});
