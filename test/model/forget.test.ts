/** What is forgotten makes no difference, seen at every state of small scenes and at every step. */
import { describe, expect, it } from "vitest";
import { Forgetting } from "./forget.ts";
import { LARGE, SMALL, VAST } from "./scenes.ts";
import { type Scene, setUp } from "./stage.ts";
import { Successors, violation } from "./successors.ts";
import { walk } from "./walk.ts";
import { KINDS, World } from "./world.ts";

/** A scene in two worlds: one that forgets nothing, and one that forgets all that it may. */
class Beside {
  readonly whole: World;
  readonly less: World;
  private readonly all: Successors;
  private readonly some: Successors;
  private readonly forgetting: Forgetting;

  constructor(scene: Scene) {
    const stage = setUp(scene);
    this.whole = new World(stage, false);
    this.less = new World(stage, true);
    this.all = new Successors(this.whole);
    this.some = new Successors(this.less);
    this.forgetting = new Forgetting(this.less);
  }

  forget(row: Int32Array): Int32Array {
    const less = this.less.adopt(this.whole, row);
    this.forgetting.of(less);
    return less;
  }

  next(row: Int32Array, p: number): Int32Array[] {
    const rows: Int32Array[] = [];
    this.all.of(row, p, () => rows.push(this.all.to.slice()));
    return rows;
  }

  nextOfLess(row: Int32Array, p: number): Set<string> {
    const keys = new Set<string>();
    this.some.of(row, p, () => keys.add(this.some.to.join()));
    return keys;
  }

  /** This state and those that steps lead to which change nothing. */
  alike(row: Int32Array, here: string): Int32Array[] {
    const rows = [row];
    const seen = new Set([row.join()]);
    for (const from of rows) {
      for (let p = 0; p < this.whole.count; p++) {
        for (const next of this.next(from, p)) {
          if (seen.has(next.join()) || this.forget(next).join() !== here) continue;
          seen.add(next.join());
          rows.push(next);
        }
      }
    }
    return rows;
  }

  reached(rows: Int32Array[], p: number): Set<string> {
    return new Set(rows.flatMap((r) => this.next(r, p).map((next) => this.forget(next).join())));
  }

  /** Whether a state is there, or one whose listings began earlier and so may show more. */
  covered(key: string, by: Set<string>): boolean {
    if (by.has(key)) return true;
    const row = key.split(",").map(Number);
    const { windows, ever } = this.less;
    return [...by].some((other) =>
      other.split(",").every((text, i) => {
        const [mine, word] = [row[i] ?? 0, Number(text)];
        if (i >= windows) return (mine & ~word) === 0;
        // What is gone is kept only while a listing may show it.
        return word === mine || (i >= KINDS.length && i < ever && mine === 0);
      }),
    );
  }

  /** Null, or what difference forgetting makes at this state, or at a step from it. */
  difference(row: Int32Array): string | null {
    const { whole, less } = this;
    const tell = (what: string, p: number) => {
      const locals = whole.setUp.processes.map((_, q) => JSON.stringify(whole.step(row, q).local));
      return `${what}, process ${p}:\n${locals.join("\n")}`;
    };
    const here = this.forget(row);
    const [harm, told] = [violation(whole, row), violation(less, here)];
    if ((harm === null) !== (told === null)) return tell("judged otherwise", -1);
    const key = here.join();
    const alike = this.alike(row, key);
    for (let p = 0; p < whole.count; p++) {
      const found = this.nextOfLess(here, p).add(key);
      const can = this.reached(alike, p).add(key);
      if (![...this.reached([row], p)].every((k) => this.covered(k, found)))
        return tell("a step was lost", p);
      if (![...found].every((k) => can.has(k))) return tell("a step was made up", p);
    }
    return null;
  }
}

/** All but where a store breaks its promise, which counts the listings that are forgotten too. */
const SCENES = Object.entries<Scene>({ ...SMALL, ...LARGE, ...VAST }).filter(
  ([, scene]) => scene.hidden === undefined,
);
const WALKS = process.env.HOLDALL_SLOW === "1" ? 200 : 3;

describe("forgetting", () => {
  it.each(SCENES)(
    "makes no difference: %s",
    (_, scene) => {
      const beside = new Beside(scene);
      const seen = new Set<string>();
      for (let seed = 0; seed < WALKS; seed++) {
        walk(beside.whole, seed, (row) => {
          if (seen.has(row.join())) return;
          seen.add(row.join());
          expect(beside.difference(row)).toBeNull();
        });
      }
      expect(seen.size).toBeGreaterThan(10 * WALKS);
    },
    3_600_000,
  );
});
