/** What is forgotten makes no difference, seen at every state of small scenes and at every step. */
import { describe, expect, it } from "vitest";
import { Forgetting } from "./forget.ts";
import { SMALL } from "./scenes.ts";
import { type Scene, setUp } from "./stage.ts";
import { Successors, violation } from "./successors.ts";
import { World } from "./world.ts";

/** A scene in two worlds: one in which nothing is forgotten, and one in which all that may be is. */
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
    const { windows } = this.less;
    return [...by].some((other) =>
      other.split(",").every((word, i) => {
        const mine = row[i] ?? 0;
        return i < windows ? Number(word) === mine : (mine & ~Number(word)) === 0;
      }),
    );
  }
}

interface Difference {
  readonly states: number;
  readonly found: string | null;
}

/** Where, if anywhere, forgetting makes a difference, among the first states there are. */
function difference(scene: Scene, limit: number): Difference {
  const beside = new Beside(scene);
  const { whole, less } = beside;
  const rows = [whole.initial()];
  const seen = new Set(rows.map((row) => row.join()));
  for (let at = 0; at < rows.length && at < limit; at++) {
    const row = rows[at] as Int32Array;
    const here = beside.forget(row);
    const tell = (what: string, p: number) => {
      const locals = whole.setUp.processes.map((_, q) => JSON.stringify(whole.step(row, q).local));
      return { states: at, found: `${what}, process ${p}:\n${locals.join("\n")}` };
    };
    const [harm, told] = [violation(whole, row), violation(less, here)];
    if ((harm === null) !== (told === null)) return tell("judged otherwise", -1);
    const key = here.join();
    const alike = beside.alike(row, key);
    for (let p = 0; p < whole.count; p++) {
      const found = beside.nextOfLess(here, p).add(key);
      const can = beside.reached(alike, p).add(key);
      if (![...beside.reached([row], p)].every((k) => beside.covered(k, found)))
        return tell("a step was lost", p);
      if (![...found].every((k) => can.has(k))) return tell("a step was made up", p);
      for (const next of beside.next(row, p)) {
        if (seen.has(next.join())) continue;
        seen.add(next.join());
        rows.push(next);
      }
    }
  }
  return { states: rows.length, found: null };
}

const scene = (name: string) => SMALL[name] ?? expect.fail(`no scene is called ${name}`);
const lean = (name: string): Scene => ({ ...scene(name), lean: true });
const SCENES: [string, Scene][] = [
  ["1 writer, 1 prune", scene("1 writer, 1 prune")],
  ["lean", lean("1 writer, 1 prune")],
  ["lean, 2 prunes", lean("1 writer, 2 prunes")],
  ["lean, 2 writers", lean("2 writers, 1 prune")],
  ["lean, 2 sweeps", lean("2 sweeps of one list")],
  ["undelete", scene("undelete")],
  ["resume", scene("a writer that crashes, resumes and doubts")],
  ["half used", lean("a pack half used")],
  ["retention", scene("retention acts on what may not be acknowledged")],
  ["retire", scene("ended claims are removed")],
  ["late", scene("a run put late")],
  ["2 prunes", scene("1 writer, 2 prunes")],
];

describe("forgetting", () => {
  it.each(SCENES)(
    "makes no difference: %s",
    (name, scene) => {
      const { found, states } = difference(scene, 4_000);
      console.log(`${name}: ${states}`);
      expect(found).toBeNull();
    },
    120_000,
  );
});
