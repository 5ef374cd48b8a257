/**
 * Symmetry: states that differ only in which of several alike processes is which are one state.
 *
 * A renaming maps ids of processes to those of alike ones, in names, contents and locals. The state
 * that is kept is the least of all renamed ones. Sound because the steps never compare ids except
 * for equality, every set in a local is kept sorted, and a step that acts on each of a set may take
 * them in any order; so a renamed local is again a local.
 */
import { INDEX, KINDS, SNAPSHOT, type World } from "./world.ts";

type Names = ReadonlyMap<string, string>;

/** All ways to exchange the members of each class; a member is the ids that move together. */
export function renamings(alike: readonly (readonly (readonly string[])[])[]): Names[] {
  let all: Names[] = [new Map()];
  for (const members of alike) {
    const orders = permutations(members.map((_, i) => i));
    all = all.flatMap((names) =>
      orders.map((order) => {
        const more = members.flatMap((ids, i) =>
          ids.map((id, j) => [id, members[order[i] ?? i]?.[j] ?? id] as const),
        );
        return new Map([...names, ...more]);
      }),
    );
  }
  return all.filter((names) => [...names].some(([from, to]) => from !== to));
}

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((x) =>
    permutations(items.filter((y) => y !== x)).map((rest) => [x, ...rest]),
  );
}

function rename(text: string, names: Names): string {
  return text.replace(/\b[wkx]\d/g, (id) => names.get(id) ?? id);
}

/** Renames inside a value and sorts its sets again. */
function renamed(value: unknown, names: Names): unknown {
  if (typeof value === "string") return rename(value, names);
  if (Array.isArray(value)) {
    const list = value.map((v) => renamed(v, names));
    return list.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, renamed(v, names)]));
}

/** One renaming, worked out for words, contents and locals as they turn up. */
class Exchange {
  private readonly world: World;
  private readonly names: Names;
  private readonly process: number[];
  private readonly words = KINDS.map(() => new Map<number, number>());
  private readonly slot = KINDS.map((): number[] => []);
  private readonly contents = KINDS.map((): number[] => []);
  private readonly known: number[][];

  constructor(world: World, names: Names) {
    this.world = world;
    this.names = names;
    const all = world.setUp.processes.map((p) => p.name);
    this.process = all.map((name) => all.indexOf(rename(name, names)));
    this.known = all.map(() => []);
  }

  private slotOf(kind: number, slot: number): number {
    const known = this.slot[kind] as number[];
    known[slot] ??= this.world.renamedSlot(kind, slot, (v) => renamed(v, this.names));
    return known[slot] as number;
  }

  private word(kind: number, word: number): number {
    if (word === 0) return 0;
    const known = this.words[kind] as Map<number, number>;
    const old = known.get(word);
    if (old !== undefined) return old;
    let now = 0;
    for (let m = word; m !== 0; m &= m - 1) now |= 1 << this.slotOf(kind, 31 - Math.clz32(m & -m));
    known.set(word, now);
    return now;
  }

  private contentOf(kind: number, content: number): number {
    if (content === 0) return 0;
    const known = this.contents[kind] as number[];
    known[content] ??= this.world.renamedText(kind, content, (text) => {
      if (text.startsWith("{")) return JSON.stringify(renamed(JSON.parse(text), this.names));
      return rename(text, this.names).split(",").sort().join();
    });
    return known[content] as number;
  }

  /** The locals of the renamed row; they decide nearly always, so they come first. */
  locals(row: Int32Array, to: Int32Array): void {
    const { world } = this;
    for (let p = 0; p < world.count; p++) {
      const local = row[world.locals + p] as number;
      const q = this.process[p] as number;
      const known = this.known[p] as number[];
      known[local] ??= world.renamedLocal(p, local, q, (v) => renamed(v, this.names));
      to[world.locals + q] = known[local] as number;
    }
  }

  /** All else of the renamed row. */
  rest(row: Int32Array, to: Int32Array): void {
    const { world } = this;
    to.fill(0, 0, world.locals);
    for (let kind = 0; kind < KINDS.length; kind++) {
      to[kind] = this.word(kind, row[kind] as number);
      const at = world.content[kind] as number;
      if (at < 0) continue;
      const slots = (world.slots[kind] as World["slots"][number]).values.length;
      for (let slot = 0; slot < slots; slot++) {
        const content = row[at + slot] as number;
        if (content !== 0) to[at + this.slotOf(kind, slot)] = this.contentOf(kind, content);
      }
    }
    to[world.ever] = this.word(INDEX, row[world.ever] as number);
    to[world.acked] = this.word(SNAPSHOT, row[world.acked] as number);
    for (let p = 0; p < world.count; p++) {
      const { kind } = world.step(row, p).at;
      const window = row[world.windows + p] as number;
      to[world.windows + (this.process[p] as number)] = kind < 0 ? 0 : this.word(kind, window);
    }
  }
}

export class Symmetry {
  private readonly exchanges: Exchange[];
  private readonly other: Int32Array;
  private readonly first: number;
  private readonly end: number;

  constructor(world: World) {
    this.exchanges = renamings(world.setUp.alike ?? []).map((names) => new Exchange(world, names));
    this.other = new Int32Array(world.width);
    this.first = world.locals;
    this.end = world.locals + world.count;
  }

  /** Replaces the row by the least of those that are the same but for names. */
  least(row: Int32Array, into: Int32Array): void {
    into.set(row);
    const { other, first, end } = this;
    for (const exchange of this.exchanges) {
      exchange.locals(row, other);
      let difference = compare(other, into, first, end);
      if (difference > 0) continue;
      exchange.rest(row, other);
      if (difference === 0) difference = compare(other, into, 0, first);
      if (difference === 0) difference = compare(other, into, end, row.length);
      if (difference < 0) into.set(other);
    }
  }
}

function compare(a: Int32Array, b: Int32Array, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}
