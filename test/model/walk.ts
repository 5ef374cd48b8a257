/**
 * Random walks through scenes too large to exhaust, each repeatable from its seed.
 *
 * Every walk draws how eager each process is, over four orders of magnitude, so that some sleep
 * through nearly everything others do; and at any step a process may stop for ever.
 */
import { mayBreak, Successors, violation } from "./successors.ts";
import type { World } from "./world.ts";

export interface Walk {
  readonly seed: number;
  readonly steps: number;
  readonly violation: string | null;
  readonly trace: readonly string[];
}

const CRASH = 1 / 400;

/** A small generator of 32 bits; the same numbers everywhere for the same seed. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `each` is shown every state on the way. */
export function walk(world: World, seed: number, each?: (row: Int32Array) => void): Walk {
  const draw = random(seed);
  const successors = new Successors(world);
  const eager = Array.from({ length: world.count }, () => 10 ** (-4 * draw()));
  const trace: string[] = [];
  let row = world.initial();
  for (;;) {
    const options: { row: Int32Array; said: string }[] = [];
    const p = pick(eager, draw);
    if (p < 0) return { seed, steps: trace.length, violation: null, trace };
    successors.of(row, p, (label) => {
      options.push({ row: successors.to.slice(), said: label() });
    });
    const next = options[Math.floor(draw() * options.length)];
    if (next === undefined || draw() < CRASH) {
      // A sweep whose list is not there yet gets ever less eager; all others have stopped for good.
      const waits = next === undefined && world.step(row, p).move.do === "await";
      const less = waits ? (eager[p] ?? 0) / 2 : 0;
      eager[p] = less < 1e-9 ? 0 : less;
      continue;
    }
    trace.push(next.said);
    each?.(next.row);
    const broken = mayBreak(world, row, next.row) ? violation(world, next.row) : null;
    row = next.row;
    if (broken !== null) return { seed, steps: trace.length, violation: broken, trace };
  }
}

function pick(weights: readonly number[], draw: () => number): number {
  let left = draw() * weights.reduce((a, b) => a + b, 0);
  let last = -1;
  for (const [i, weight] of weights.entries()) {
    if (weight === 0) continue;
    last = i;
    left -= weight;
    if (left < 0) return i;
  }
  return last;
}
