/** Every reachable state, breadth first, so that the first violation met is a shortest one. */

import { hashRow, Rows, Seen } from "./states.ts";
import { mayBreak, Successors, violation } from "./successors.ts";
import { Symmetry } from "./symmetry.ts";
import type { World } from "./world.ts";

export interface Report {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly violation: string | null;
  /** The steps that lead to it; empty when traces were not kept. */
  readonly trace: readonly string[];
  /** False when the limit came first. */
  readonly exhausted: boolean;
}

export interface Options {
  /** Keep all states, so that a violation can be told step by step. */
  readonly trace?: boolean;
  readonly limit?: number;
  /** Leave out symmetry too; whether all else is reduced is told by the world. */
  readonly full?: boolean;
  /** Gathers every violation there is, instead of stopping at the first. */
  readonly violations?: Set<string>;
  /** Called with every state that was found; a text is a violation. */
  readonly each?: (row: Int32Array) => string | null;
  readonly progress?: (states: number, depth: number, waiting: number) => void;
}

export function explore(world: World, options: Options = {}): Report {
  const successors = new Successors(world);
  const seen = new Seen();
  const rows = new Rows(world.width);
  const parents: number[] = [];
  const row = new Int32Array(world.width);
  // A trace is told with the names that its steps really had, so it goes without symmetry.
  const symmetry = options.full || options.trace ? null : new Symmetry(world);
  const least = new Int32Array(world.width);
  let [transitions, depth, levelEnd, from] = [0, 0, 1, 0];
  let broken: string | null = null;

  // Many states share what a reader sees; each such store is read once.
  const read = new Seen();
  const store = new Int32Array(world.locals);
  const judge = (state: Int32Array): void => {
    store.set(state.subarray(0, world.locals));
    hashRow(store);
    if (!read.add()) return;
    const harm = violation(world, state);
    if (options.violations === undefined) broken = harm;
    else if (harm !== null) options.violations.add(harm);
  };

  const take = (found: Int32Array, parent: number): void => {
    symmetry?.least(found, least);
    const state = symmetry === null ? found : least;
    hashRow(state);
    if (!seen.add()) return;
    rows.push(state);
    if (options.trace) parents.push(parent);
    if (broken === null && (parent < 0 || mayBreak(world, row, found))) judge(state);
    broken ??= options.each?.(state) ?? null;
  };
  const emit = () => {
    transitions++;
    if (broken === null) take(successors.to, from);
  };

  take(world.initial(), -1);
  const report = (exhausted: boolean): Report => {
    const path = broken !== null && options.trace ? pathTo(rows.length - 1, parents) : [];
    const trace = tell(world, path, rows);
    return { states: seen.size, transitions, depth, violation: broken, trace, exhausted };
  };
  while (from < rows.length && broken === null) {
    if (seen.size > (options.limit ?? Infinity)) return report(false);
    if (from === levelEnd) {
      depth++;
      levelEnd = rows.length;
    }
    rows.read(from, row);
    if (!options.trace) rows.release(from);
    successors.expand(row, emit);
    from++;
    if ((from & 0xfffff) === 0) options.progress?.(seen.size, depth, rows.length - from);
  }
  return report(broken === null);
}

function pathTo(last: number, parents: readonly number[]): number[] {
  const path: number[] = [];
  for (let i = last; i >= 0; i = parents[i] ?? -1) path.unshift(i);
  return path;
}

/** Says which step leads from each state of the path to the next. */
function tell(world: World, path: readonly number[], rows: Rows): string[] {
  const successors = new Successors(world);
  const [from, to] = [new Int32Array(world.width), new Int32Array(world.width)];
  return path.slice(1).map((next, i) => {
    rows.read(path[i] ?? 0, from);
    rows.read(next, to);
    let said = "";
    successors.expand(from, (label) => {
      if (said === "" && successors.to.every((word, k) => word === to[k])) said = label();
    });
    return said;
  });
}
