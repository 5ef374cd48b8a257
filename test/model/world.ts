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
import type { Actor, Flight, Found, Local, Move, Reply } from "./actor.ts";

export const KINDS: readonly Listing[] = [
  ...(["claim", "fence", "condemned", "tombstone", "pack", "index", "snapshot"] as const),
];
const [, FENCE, CONDEMNED, TOMBSTONE, PACK, INDEX, SNAPSHOT] = [0, 1, 2, 3, 4, 5, 6] as const;

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
  /** A snapshot that the listings of sweeps may leave out, this many times in each. */
  readonly hidden?: { readonly snapshot: string; readonly times: number };
  /** Slots for packs, runs and condemned lists. */
  readonly room?: readonly [number, number, number];
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
  /** Kinds this process may yet put or remove. */
  readonly changes: number;
}

/** Numbers for values that are equal by their text. */
class Numbers<T> {
  readonly values: T[] = [];
  private readonly known = new Map<string, number>();

  of(text: string, value: () => T): number {
    const old = this.known.get(text);
    if (old !== undefined) return old;
    const number = this.known.size;
    this.known.set(text, number);
    // Working out the value may number others, after this one.
    this.values[number] = value();
    return number;
  }
}

const bitsOf = (kinds: readonly Listing[]) =>
  kinds.reduce((mask, kind) => mask | (1 << KINDS.indexOf(kind)), 0);

export function addBits(row: Int32Array, at: number, bits: number): void {
  row[at] = (row[at] ?? 0) | bits;
}

export class World {
  readonly setUp: SetUp;
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
  private readonly room: readonly number[];
  /** Where a kind's contents begin; negative for kinds whose names tell all. */
  readonly content: readonly number[];

  constructor(setUp: SetUp) {
    this.setUp = setUp;
    this.count = setUp.processes.length;
    const [packs, runs, lists] = setUp.room ?? [10, 10, 3];
    this.room = [31, 31, lists, 31, packs, runs, 20];
    const first = KINDS.length;
    this.content = [-1, -1, first + packs + runs, -1, first, first + packs, -1];
    this.ever = first + packs + runs + lists;
    this.acked = this.ever + 1;
    this.locals = this.acked + 1;
    this.windows = this.locals + this.count;
    this.width = this.windows + this.count;
    this.steps = setUp.processes.map(() => new Numbers<Step>());
    for (const texts of this.texts) texts.of("", () => "");
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
    const record = this.setUp.snapshots.get(name);
    if (record === undefined) throw new Error(`the set-up does not know snapshot ${name}`);
    return this.change({ kind: "snapshot", name, content: "", record }).slot;
  }

  change(object: Flight & { readonly record?: Stored }): Change {
    const kind = KINDS.indexOf(object.kind);
    const { name, content: text } = object;
    const known = this.slots[kind] as Numbers<Slot>;
    const slot = known.of(name, () => ({ name, record: object.record as Stored }));
    if (slot >= (this.room[kind] ?? 0)) throw new Error(`no room for ${name}`);
    const content = this.texts[kind]?.of(text, () => text) ?? 0;
    return { kind, slot, content };
  }

  /** The number of a local; its step is worked out when it is first seen. */
  private number(p: number, local: Local): number {
    const steps = this.steps[p] as Numbers<Step>;
    return steps.of(JSON.stringify(local), () => {
      const actor = this.actor(p);
      const move: Move = actor.move(local);
      const at = this.target(move);
      const flown = local.flight ?? null;
      const acked = (local.acked ?? []).reduce((m, s) => m | (1 << this.snapshotSlot(s)), 0);
      const changes = bitsOf(actor.changes(local)) | (flown ? bitsOf([flown.kind]) : 0);
      const restart = actor.restart(local).map((l: Local) => this.number(p, l));
      const landed = flown && this.number(p, { ...local, flight: null });
      const flight = flown && landed !== null ? { ...this.change(flown), next: landed } : null;
      return { local, move, at, memo: new Map(), restart, acked, flight, changes };
    });
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
    step.memo.set(key, once);
    return once;
  }

  /** The locals that may follow a listing which saw exactly these objects. */
  afterList(row: Int32Array, p: number, step: Step, mask: number): readonly number[] {
    const { kind } = step.at;
    const at = this.content[kind] ?? -1;
    let key: number | string = mask;
    if (at >= 0) {
      key = `${mask}`;
      for (let m = mask; m !== 0; m &= m - 1) key += `,${row[at + 31 - Math.clz32(m & -m)]}`;
    }
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

  /** Of these fences, those that still make a claim fenced or not. */
  mattering(fences: number): number {
    const all = this.slots[FENCE]?.values ?? [];
    const here = all.map((slot, i) => ({ record: slot.record, bit: 1 << i }));
    const there = here.filter(({ bit }) => fences & bit);
    const final = (claim: string) =>
      there.some(({ record: r }) => r.type === "fence" && r.claim === claim);
    const taken = (claim: string, sweep: string) =>
      ["intent", "withdrawn"].every((type) =>
        there.some(
          ({ record: r }) =>
            r.type === type && "sweep" in r && r.sweep === sweep && r.claim === claim,
        ),
      );
    const matters = there.filter(({ record: r }) =>
      r.type === "intent" || r.type === "withdrawn"
        ? !final(r.claim) && !taken(r.claim, r.sweep)
        : true,
    );
    return matters.reduce((mask, { bit }) => mask | bit, 0);
  }

  renamedSlot(kind: number, slot: number, renaming: Renaming): number {
    const { name, record } = this.slot(kind, slot);
    const object = { kind: KINDS[kind] as Listing, name: String(renaming(name)), content: "" };
    return this.change({ ...object, record: renaming(record) as Stored }).slot;
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
export { CONDEMNED, FENCE, INDEX, PACK, SNAPSHOT, TOMBSTONE };
