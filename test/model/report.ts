/** One exploration as a line of figures, with its counterexample below where there is one. */
import { RULES, type Rules } from "../../src/repo/protocol/rules.ts";
import type { Slips } from "./actor.ts";
import { explore, type Options, type Report } from "./explore.ts";
import type { Guard } from "./guards.ts";
import { Liveness } from "./liveness.ts";
import { type Scene, setUp } from "./stage.ts";
import { type Walk, walk } from "./walk.ts";
import { World } from "./world.ts";

export interface Result extends Report {
  /** Different stores from which everything was finished by newcomers; 0 where not tried. */
  readonly stores: number;
  readonly seconds: number;
}

interface Variant extends Options {
  readonly rules?: Partial<Rules>;
  readonly slips?: Slips;
  readonly liveness?: boolean;
}

export function run(scene: Scene, variant: Variant = {}): Result {
  const start = process.hrtime.bigint();
  const { rules, slips, liveness, ...options } = variant;
  const stage = setUp(scene, { ...RULES, ...rules }, slips);
  const world = new World({ ...stage, newcomers: liveness ?? false }, !options.full);
  const live = new Liveness(world, slips);
  const each = (row: Int32Array) => live.check(row);
  const report = explore(world, { ...options, ...(liveness && { each }) });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  return { ...report, stores: live.stores, seconds };
}

/** The guard's scene without the guard. */
export function runWithout(guard: Guard, limit = 3e6): Result {
  const { rules = {}, slips = {}, scene, breaks } = guard;
  return run(scene, { rules, slips, limit, trace: true, liveness: breaks === "liveness" });
}

export interface Walks {
  readonly walks: number;
  readonly steps: number;
  readonly seconds: number;
  /** The first that ended in a violation. */
  readonly broken: Walk | null;
}

/** Walks with the seeds from `first` on, up to the first violation. */
export function runWalks(scene: Scene, first: number, count: number, variant: Variant = {}): Walks {
  const start = process.hrtime.bigint();
  const world = new World(setUp(scene, { ...RULES, ...variant.rules }, variant.slips), false);
  let [walks, steps] = [0, 0];
  let broken: Walk | null = null;
  for (let seed = first; seed < first + count && broken === null; seed++) {
    const one = walk(world, seed);
    walks++;
    steps += one.steps;
    if (one.violation !== null) broken = one;
  }
  return { walks, steps, seconds: Number(process.hrtime.bigint() - start) / 1e9, broken };
}

export function lineOfWalks(name: string, r: Walks): string {
  const figures = `${r.walks.toLocaleString("en")} walks, ${r.steps.toLocaleString("en")} steps`;
  const verdict = r.broken ? `seed ${r.broken.seed}: ${r.broken.violation}` : "0 violations";
  return `${name}: ${figures}, ${r.seconds.toFixed(1)} s: ${verdict}`;
}

export function line(name: string, r: Result): string {
  const figures = [
    `${r.states.toLocaleString("en")} states`,
    `${r.transitions.toLocaleString("en")} steps`,
    `depth ${r.depth}`,
    ...(r.stores > 0 ? [`${r.stores.toLocaleString("en")} stores finished`] : []),
    `${r.seconds.toFixed(1)} s`,
  ];
  const verdict =
    r.violation ?? (r.exhausted ? "0 violations" : "NOT EXHAUSTED, 0 violations so far");
  return `${name}: ${figures.join(", ")}: ${verdict}`;
}

export function story(r: Report | Walk): string {
  return r.trace.map((step, i) => `${String(i + 1).padStart(4)}  ${step}`).join("\n");
}
