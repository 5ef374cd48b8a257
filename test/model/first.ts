/**
 * Which processes may go first, so that the others need not be tried: a persistent set.
 *
 * A set of processes may go first when no step that any other can still take, now or later, makes
 * a difference to the next steps of those in the set, nor the other way round: what others alter
 * is nothing that one in the set lists, reads, puts or removes next; and what one in the set puts
 * or removes next is nothing that others heed. Such steps commute. (A process that goes first
 * begins its next listing earlier, and an earlier listing can only show more ways.) Where what a
 * listing shows surely, and nobody can take away, settles its answer, nothing others put makes a
 * difference to it. There are no cycles, so nothing is put off for ever.
 *
 * Violations are kept, for going first can only make things worse: an acknowledgement, a final
 * fence, a removal stay harmful whatever comes later. What could mend a harm that others did before
 * never goes first: the put of a pack, a run or a tombstone.
 */
import { INDEX, PACK, type Step, TOMBSTONE, type World } from "./world.ts";

export class First {
  private readonly world: World;
  private readonly needs: Int32Array;

  constructor(world: World) {
    this.world = world;
    this.needs = new Int32Array(world.count);
  }

  /** A smallest set that may go first, as bits of its processes; all of them when there is none. */
  of(row: Int32Array): number {
    const { world, needs } = this;
    const { count } = world;
    const all = (1 << count) - 1;
    for (let p = 0; p < count; p++) {
      needs[p] = this.needed(row, p, all);
      if (needs[p] === 0) return 1 << p;
    }
    let [least, size] = [all, count];
    for (let p = 0; p < count; p++) {
      if (needs[p] === all) continue;
      const set = this.closed(1 << p);
      const bits = ones(set);
      if (bits < size && this.moves(row, set)) [least, size] = [set, bits];
    }
    return least;
  }

  private closed(from: number): number {
    let set = from;
    for (let old = 0; old !== set; ) {
      old = set;
      for (let m = set; m !== 0; m &= m - 1) set |= this.needs[31 - Math.clz32(m & -m)] as number;
    }
    return set;
  }

  /** Whether any of the set can take a step now. */
  private moves(row: Int32Array, set: number): boolean {
    for (let m = set; m !== 0; m &= m - 1) {
      const { move, at } = this.world.step(row, 31 - Math.clz32(m & -m));
      if (move.do === "stop") continue;
      if (move.do !== "await" || ((row[at.kind] as number) >> at.slot) & 1) return true;
    }
    return false;
  }

  /** The others whose steps may make a difference to the next one of this process, as bits. */
  private needed(row: Int32Array, p: number, all: number): number {
    const { world } = this;
    const step = world.step(row, p);
    const { move, at } = step;
    if (move.do === "stop" || step.flight !== null) return all;
    const bit = at.slot < 0 ? 0 : 1 << at.slot;
    const there = ((row[at.kind] as number) & bit) !== 0;
    if (world.setUp.processes[p]?.actor.atOnce) return all;
    // Newcomers are tried in every store that can be reached, also between two changes.
    if (world.setUp.newcomers && (move.do === "put" || (move.do === "remove" && there))) return all;
    switch (move.do) {
      case "put":
        if (at.kind === PACK || at.kind === INDEX || at.kind === TOMBSTONE) return all;
        if (world.setUp.processes[p]?.actor.doubts) return all;
        return this.others(row, p, at.kind, bit, true);
      case "remove":
        if (!there) return world.setUp.namesReturn ? all : 0;
        return this.others(row, p, at.kind, bit, true);
      case "await":
        // A sweep may begin as soon as its list is there: its first listing then runs the longest.
        return there ? 0 : this.others(row, p, at.kind, bit, false);
      case "read":
        return this.others(row, p, at.kind, step.cares & bit, false);
      default:
        return this.listing(row, p, step);
    }
  }

  private listing(row: Int32Array, p: number, step: Step): number {
    const { world } = this;
    const { kind } = step.at;
    const needed = this.others(row, p, kind, step.cares, false);
    if (needed === 0) return 0;
    let stable = (row[kind] as number) & step.cares & ~(row[world.windows + p] as number);
    for (let q = 0; q < world.count; q++)
      if (q !== p) stable &= ~(world.step(row, q).alters[kind] as number);
    return stable !== 0 && world.enough(row, p, step, stable) ? 0 : needed;
  }

  /** Those who may alter these objects; with `heeds`, also those to whom they matter. */
  private others(row: Int32Array, p: number, kind: number, bits: number, heeds: boolean): number {
    const { world } = this;
    if (bits === 0) return 0;
    let set = 0;
    for (let q = 0; q < world.count; q++) {
      if (q === p) continue;
      const step = world.step(row, q);
      const touched = (step.alters[kind] as number) | (heeds ? (step.heeds[kind] as number) : 0);
      if (touched & bits) set |= 1 << q;
    }
    return set;
  }
}

function ones(bits: number): number {
  let count = 0;
  for (let m = bits; m !== 0; m &= m - 1) count++;
  return count;
}
