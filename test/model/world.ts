/**
 * The model's world: a store of single objects, and processes that may pause before any step.
 *
 * The store promises read-after-write and list-after-write of single objects and nothing more. An
 * object put or removed while a listing runs is in it or not, each by itself. A listing begins when
 * its process's step before it ends: one that began later could see nothing that this one cannot.
 * A crash is a pause that never ends; a crash with a new start, and puts of unknown outcome, are
 * steps of their own.
 *
 * A state is a row of integers: which objects of each kind are there, what those with more than one
 * possible content hold, every process's local (by number), the objects that changed while its
 * listing ran, and the snapshots that were ever acknowledged.
 */
import type { Kept, Listing, Stored } from "../../src/repo/protocol/records.ts";
import type { Rules } from "../../src/repo/protocol/rules.ts";
import {
  type Actor,
  type Flight,
  type Found,
  type Local,
  type Move,
  nameOf,
  packOf,
  type Reply,
} from "./actor.ts";
import { Numbers } from "./numbers.ts";

export const KINDS: readonly Listing[] = [
  ...(["claim", "fence", "condemned", "tombstone", "pack", "index", "snapshot"] as const),
];
const [CLAIM, FENCE, CONDEMNED, TOMBSTONE, PACK, INDEX, SNAPSHOT] = [0, 1, 2, 3, 4, 5, 6] as const;

export interface SetUp {
  readonly processes: readonly { readonly name: string; readonly actor: Actor }[];
  /** What is in the store at the start. */
  readonly objects: readonly (Flight & { readonly record: Stored })[];
  /** Acknowledged at the start. */
  readonly acked: readonly string[];
  readonly snapshots: ReadonlyMap<string, Kept & { readonly refs: string }>;
  readonly rules: Rules;
  /** Index rows that were ever there may be remembered by anyone. */
  readonly caches?: boolean;
  /** A pack may come back under a name that was used: a slip. */
  readonly namesReturn?: boolean;
  /** Runs and lists matter only for packs that somebody can see; see `forget.ts`. */
  readonly trusting?: boolean;
  /** Sweeps settle claims as they should, and readers leave out for final fences only. */
  readonly settles?: boolean;
  /** Others may come afterwards: nothing in the store is without a meaning to them. */
  readonly newcomers?: boolean;
  /** A snapshot that the listings of sweeps may leave out, this many times in each. */
  readonly hidden?: { readonly snapshot: string; readonly times: number };
  /** Classes of alike processes; each member is the ids that are exchanged together. */
  readonly alike?: readonly (readonly (readonly string[])[])[];
}

interface Slot {
  readonly name: string;
  readonly record: Stored;
}

interface Change {
  readonly kind: number;
  readonly slot: number;
  readonly content: number;
}

/** What a process does next, in numbers. */
interface Step {
  readonly local: Local;
  readonly move: Move;
  /** The object it puts or removes, or the kind it lists. */
  readonly at: Change;
  /** Answers already worked out: numbers of the locals that may follow. */
  readonly memo: Map<number | string, readonly number[]>;
  readonly restart: readonly number[];
  readonly acked: number;
  readonly flight: (Change & { readonly next: number }) | null;
  /** Of each kind, the objects that `Ahead` foresees; see there. */
  readonly alters: Int32Array;
  readonly heeds: Int32Array;
  readonly views: Int32Array;
  readonly mentions: Int32Array;
  /** Whether it mentions any. */
  readonly acts: boolean;
  /** Of what it lists or reads now. */
  readonly cares: number;
}

/** The count of listings that came back short, above the bits of acknowledged snapshots. */
export const HIDDEN_ONE = 1 << 24;

export function addBits(row: Int32Array, at: number, bits: number): void {
  row[at] = (row[at] ?? 0) | bits;
}

export class World {
  readonly setUp: SetUp;
  /** Whether what makes no difference is left out. */
  readonly reduce: boolean;
  readonly count: number;
  /** Integers in a state, and where its parts begin. */
  readonly width: number;
  readonly ever: number;
  readonly acked: number;
  readonly locals: number;
  readonly windows: number;
  readonly slots = KINDS.map(() => new Numbers<Slot>());
  /** Texts of contents; number 0 is the empty one. */
  readonly texts = KINDS.map(() => new Numbers<string>());
  private readonly steps: Numbers<Step>[];
  /** Of each process and kind, what it may ever put. */
  readonly makes: readonly Int32Array[];
  /** Where a kind's contents begin; negative for kinds whose names tell all. */
  readonly content: readonly number[];

  constructor(setUp: SetUp, reduce = true) {
    this.setUp = setUp;
    this.reduce = reduce;
    this.count = setUp.processes.length;
    for (const texts of this.texts) texts.of("", () => "");
    const made = setUp.processes.flatMap(({ actor }) => actor.ahead.makes);
    for (const { kind, name, record } of [...setUp.objects, ...made]) {
      const slots = this.slots[KINDS.indexOf(kind)] as Numbers<Slot>;
      slots.of(name, () => ({ name, record }));
      if (slots.values.length > 31) throw new Error(`no room for ${name}`);
    }
    const first = KINDS.length;
    const [packs, runs, lists] = [this.room(PACK), this.room(INDEX), this.room(CONDEMNED)];
    this.content = [-1, -1, first + packs + runs, -1, first, first + packs, -1];
    this.ever = first + packs + runs + lists;
    this.acked = this.ever + 1;
    this.locals = this.acked + 1;
    this.windows = this.locals + this.count;
    this.width = this.windows + this.count;
    this.steps = setUp.processes.map(() => new Numbers<Step>());
    this.makes = setUp.processes.map(({ actor }) => {
      const names = actor.ahead.makes.map((m) => `${m.kind} ${m.name}`);
      return this.mask((r) => names.includes(`${nameOf(r).kind} ${nameOf(r).name}`));
    });
  }

  /** How many objects of a kind there can be. */
  room(kind: number): number {
    return this.slots[kind]?.values.length ?? 0;
  }

  initial(): Int32Array {
    const row = new Int32Array(this.width);
    for (const object of this.setUp.objects) this.place(row, this.change(object));
    for (const name of this.setUp.acked) addBits(row, this.acked, 1 << this.snapshotSlot(name));
    this.setUp.processes.forEach(({ actor }, p) => {
      row[this.locals + p] = this.number(p, actor.start);
    });
    return row;
  }

  step(row: Int32Array, p: number): Step {
    return this.steps[p]?.values[row[this.locals + p] ?? 0] as Step;
  }

  stepOf(p: number, local: number): Step {
    return (this.steps[p] as Numbers<Step>).values[local] as Step;
  }

  private actor(p: number): Actor {
    return (this.setUp.processes[p] as SetUp["processes"][number]).actor;
  }

  private slot(kind: number, slot: number): Slot {
    return (this.slots[kind] as Numbers<Slot>).values[slot] as Slot;
  }

  private place(row: Int32Array, { kind, slot, content }: Change): void {
    addBits(row, kind, 1 << slot);
    const at = this.content[kind] ?? -1;
    if (at >= 0) row[at + slot] = content;
    if (kind === INDEX) addBits(row, this.ever, 1 << slot);
  }

  snapshotSlot(name: string): number {
    return this.change({ kind: "snapshot", name, content: "" }).slot;
  }

  change(object: Flight): Change {
    const kind = KINDS.indexOf(object.kind);
    const { name, content: text } = object;
    const known = this.slots[kind] as Numbers<Slot>;
    const slot = known.of(name, () => {
      throw new Error(`nobody was to put ${name}`);
    });
    const content = this.texts[kind]?.of(text, () => text) ?? 0;
    return { kind, slot, content };
  }

  /** The number of a local; its step is worked out when it is first seen. */
  private number(p: number, given: Local): number {
    const steps = this.steps[p] as Numbers<Step>;
    const actor = this.actor(p);
    const local: Local = this.reduce ? actor.ahead.forget(given) : given;
    return steps.of(JSON.stringify(local), () => {
      const move: Move = actor.move(local);
      const at = this.target(move);
      const flown = local.flight ?? null;
      const acked = (local.acked ?? []).reduce((m, s) => m | (1 << this.snapshotSlot(s)), 0);
      const restart = actor.restart(local).map((l: Local) => this.number(p, l));
      const landed = flown && this.number(p, { ...local, flight: null });
      const flight = flown && landed !== null ? { ...this.change(flown), next: landed } : null;
      const { ahead } = actor;
      const alters = this.mask((r) => ahead.alters(local, r));
      if (flight) addBits(alters, flight.kind, 1 << flight.slot);
      const heeds = this.mask((r) => ahead.heeds(local, r));
      const views = this.mask((r) => ahead.views(local, r));
      const mentions = this.mask((r) => ahead.mentions(local, r));
      const cares = this.mask((r) => ahead.cares(local, r))[at.kind] ?? 0;
      const acts = mentions.some((mask) => mask !== 0);
      const masks = { acts, alters, heeds, views, mentions, cares };
      return { local, move, at, memo: new Map(), restart, acked, flight, ...masks };
    });
  }

  private mask(of: (record: Stored) => boolean): Int32Array {
    const mask = new Int32Array(KINDS.length);
    this.slots.forEach(({ values }, kind) => {
      values.forEach(({ record }, slot) => {
        if (of(record)) addBits(mask, kind, 1 << slot);
      });
    });
    return mask;
  }

  private target(move: Move): Change {
    if (move.do === "put") return this.change(move);
    if (move.do === "list") return { kind: KINDS.indexOf(move.kind), slot: -1, content: 0 };
    if (move.do === "stop") return { kind: -1, slot: -1, content: 0 };
    const kind = move.do === "read" ? "pack" : move.do === "await" ? "condemned" : move.kind;
    const name = move.do === "read" ? move.pack : move.name;
    return this.change({ kind, name, content: "" });
  }

  private follow(p: number, step: Step, key: number | string, reply: () => Reply) {
    const old = step.memo.get(key);
    if (old !== undefined) return old;
    const actor = this.actor(p);
    const next = actor.answer(step.local, reply()).map((l: Local) => this.number(p, l));
    const once = [...new Set<number>(next)];
    for (const local of once) this.foreseen(p, step, local);
    step.memo.set(key, once);
    return once;
  }

  /** What was foreseen must hold at every step, and so it holds for all that may follow. */
  private foreseen(p: number, step: Step, local: number, gone: readonly number[] = []): void {
    const { alters, heeds } = this.stepOf(p, local);
    const { move, at } = step;
    const changes = (move.do === "put" || move.do === "remove") && at.slot >= 0;
    if (changes && !(((step.alters[at.kind] ?? 0) >> at.slot) & 1))
      throw new Error(`unforeseen: ${JSON.stringify(move)} of ${JSON.stringify(step.local)}`);
    for (let kind = 0; kind < KINDS.length; kind++) {
      const more =
        ((alters[kind] ?? 0) & ~(step.alters[kind] ?? 0)) |
        ((heeds[kind] ?? 0) & ~(step.heeds[kind] ?? 0));
      if ((more & ~(gone[kind] ?? 0)) === 0) continue;
      const [from, to] = [step.local, this.stepOf(p, local).local].map((l) => JSON.stringify(l));
      throw new Error(`unforeseen ${KINDS[kind]} ${more}: ${from} -> ${to}`);
    }
  }

  /** Whether a listing's answer is settled by what it shows surely; see `Ahead`. */
  enough(row: Int32Array, p: number, step: Step, mask: number): boolean {
    const key = `enough ${this.key(row, step.at.kind, mask)}`;
    const old = step.memo.get(key);
    if (old !== undefined) return old.length > 0;
    const found = this.found(row, step.at.kind, mask);
    const yes = this.actor(p).ahead.enough(step.local, found);
    step.memo.set(key, yes ? [1] : []);
    return yes;
  }

  /** The local that remains when of each kind these objects make no difference any more. */
  without(p: number, local: number, gone: readonly number[]): number {
    const step = this.stepOf(p, local);
    const key = `without ${gone.join()}`;
    const old = step.memo.get(key);
    if (old !== undefined) return old[0] ?? local;
    const records = gone.flatMap((mask, kind) =>
      (this.slots[kind] as Numbers<Slot>).values.filter((_, i) => (mask >> i) & 1),
    );
    const { ahead } = this.actor(p);
    const left = ahead.without(
      step.local,
      records.map((r) => r.record),
    );
    const next = this.number(p, left);
    const runs = this.mask(
      (r) => r.type === "run" && records.some((g) => packOf(r.name) === g.name),
    );
    const nowhere = gone.map((mask, kind) => (kind === INDEX ? (runs[INDEX] ?? 0) : mask));
    this.foreseen(p, step, next, nowhere);
    step.memo.set(key, [next]);
    return next;
  }

  private key(row: Int32Array, kind: number, mask: number): number | string {
    const at = this.content[kind] ?? -1;
    if (at < 0) return mask;
    let key = `${mask}`;
    for (let m = mask; m !== 0; m &= m - 1) key += `,${row[at + 31 - Math.clz32(m & -m)]}`;
    return key;
  }

  /** The locals that may follow a listing which saw exactly these objects. */
  afterList(row: Int32Array, p: number, step: Step, mask: number): readonly number[] {
    const { kind } = step.at;
    const key = this.key(row, kind, mask);
    return this.follow(p, step, key, () => ({ did: "list", found: this.found(row, kind, mask) }));
  }

  found(row: Int32Array, kind: number, mask: number): Found[] {
    const list: Found[] = [];
    for (let m = mask; m !== 0; m &= m - 1)
      list.push(this.object(row, kind, 31 - Math.clz32(m & -m)));
    return list;
  }

  text(row: Int32Array, kind: number, slot: number): string {
    const at = this.content[kind] ?? -1;
    return at < 0 ? "" : (this.texts[kind]?.values[row[at + slot] ?? 0] ?? "");
  }

  private object(row: Int32Array, kind: number, slot: number): Found {
    const { record } = this.slot(kind, slot);
    const text = this.text(row, kind, slot);
    return kind === CONDEMNED ? JSON.parse(text) : { ...record, content: text };
  }

  /** The same state as in a world of the same set-up, which may number things otherwise. */
  adopt(other: World, row: Int32Array): Int32Array {
    const to = row.slice();
    for (let p = 0; p < this.count; p++)
      to[this.locals + p] = this.number(p, other.step(row, p).local);
    this.content.forEach((at, kind) => {
      if (at < 0) return;
      for (let slot = 0; slot < this.room(kind); slot++) {
        const text = other.texts[kind]?.values[row[at + slot] ?? 0] ?? "";
        to[at + slot] = this.texts[kind]?.of(text, () => text) ?? 0;
      }
    });
    return to;
  }

  renamedSlot(kind: number, slot: number, renaming: Renaming): number {
    const name = String(renaming(this.slot(kind, slot).name));
    return this.change({ kind: KINDS[kind] as Listing, name, content: "" }).slot;
  }

  renamedText(kind: number, content: number, renaming: (text: string) => string): number {
    const text = renaming(this.texts[kind]?.values[content] ?? "");
    return this.texts[kind]?.of(text, () => text) ?? 0;
  }

  renamedLocal(p: number, local: number, q: number, renaming: Renaming): number {
    const step = this.steps[p]?.values[local];
    return this.number(q, renaming(step?.local) as Local);
  }

  afterPut(p: number, step: Step, known: boolean): readonly number[] {
    return this.follow(p, step, known ? 1 : 0, () => ({ did: "put", known }));
  }

  afterRemove(p: number, step: Step): readonly number[] {
    return this.follow(p, step, 1, () => ({ did: "remove" }));
  }

  afterRead(row: Int32Array, p: number, step: Step): readonly number[] {
    const { kind, slot } = step.at;
    const there = ((row[kind] ?? 0) >> slot) & 1;
    const key = there ? (row[(this.content[kind] ?? 0) + slot] ?? 0) : -1;
    if (step.move.do === "await") {
      return this.follow(p, step, key, () => ({
        did: "await",
        record: this.object(row, kind, slot),
      }));
    }
    const content = there ? this.text(row, kind, slot) : null;
    return this.follow(p, step, key, () => ({ did: "read", content }));
  }
}

/** For symmetry: what a slot, a content or a local is called when processes are exchanged. */
type Renaming = (value: unknown) => unknown;

export type { Step };
export { CLAIM, CONDEMNED, FENCE, INDEX, PACK, SNAPSHOT, TOMBSTONE };
