/** Every step that any process can take from a state, and the check that every state must pass. */
import { First } from "./first.ts";
import { Forgetting } from "./forget.ts";
import {
  addBits,
  FENCE,
  HIDDEN_ONE,
  INDEX,
  KINDS,
  PACK,
  SNAPSHOT,
  type Step,
  TOMBSTONE,
  type World,
} from "./world.ts";

/** Called for each successor, which lies in the row given to `Successors`. */
export type Emit = (label: () => string) => void;

const lowest = (mask: number) => 31 - Math.clz32(mask & -mask);

export class Successors {
  private readonly world: World;
  readonly to: Int32Array;
  private readonly first: First;
  private readonly forgetting: Forgetting;
  /** Steps after which a process only stops, having done nothing, are left out. */
  private pauses = false;
  private readonly told: number[] = [];

  constructor(world: World) {
    this.world = world;
    this.to = new Int32Array(world.width);
    this.first = new First(world);
    this.forgetting = new Forgetting(world);
  }

  /**
   * Where all processes must be tried, a process that would only stop, without having changed or
   * acknowledged anything, is not let go: it may as well pause for ever.
   */
  expand(row: Int32Array, emit: Emit): void {
    const all = (1 << this.world.count) - 1;
    const set = this.world.reduce ? this.first.of(row) : all;
    this.pauses = this.world.reduce && set === all;
    for (let m = set; m !== 0; m &= m - 1) this.of(row, lowest(m), emit);
    this.pauses = false;
  }

  private stops(row: Int32Array, p: number, next: number): boolean {
    if (!this.pauses) return false;
    const { move, acked, flight } = this.world.stepOf(p, next);
    const { world } = this;
    return move.do === "stop" && flight === null && (acked & ~(row[world.acked] as number)) === 0;
  }

  /** The steps of one process. */
  of(row: Int32Array, p: number, emit: Emit): void {
    const { world } = this;
    const step = world.step(row, p);
    const name = world.setUp.processes[p]?.name ?? "";
    switch (step.move.do) {
      case "list":
        if (world.setUp.processes[p]?.actor.atOnce) this.atOnce(row, p, step, name, emit);
        else this.listings(row, p, step, name, emit);
        break;
      case "put":
        for (const next of world.afterPut(p, step, true)) {
          this.put(row, p, step.at, next);
          emit(() => `${name} puts ${this.describe(step.at)}`);
        }
        this.doubts(row, p, step, name, emit);
        break;
      case "remove":
        for (const next of world.afterRemove(p, step)) {
          this.move(row, p, next);
          this.to[step.at.kind] = (this.to[step.at.kind] ?? 0) & ~(1 << step.at.slot);
          if (this.to[step.at.kind] !== row[step.at.kind]) {
            this.disturb(p, step.at.kind, step.at.slot);
          }
          this.tidy();
          emit(() => `${name} removes ${this.describe(step.at)}`);
        }
        break;
      case "read":
      case "await":
        this.reads(row, p, step, name, emit);
        break;
    }
    for (const next of step.restart) {
      this.move(row, p, next);
      this.tidy();
      emit(() => `${name} crashes and starts again`);
    }
    if (step.flight !== null) this.land(row, p, step, name, emit);
  }

  private listings(row: Int32Array, p: number, step: Step, name: string, emit: Emit): void {
    const { world } = this;
    const { kind } = step.at;
    const present = row[kind] ?? 0;
    let may = row[world.windows + p] ?? 0;
    if (kind === INDEX && world.setUp.caches) may |= (row[world.ever] ?? 0) & ~present;
    if (world.reduce) may &= step.cares;
    const surely = present & ~may & (world.reduce ? step.cares : -1);
    this.told.length = 0;
    for (let some = may; ; some = (some - 1) & may) {
      this.listed(row, p, step, surely | some, name, emit);
      if (some === 0) break;
    }
    const { hidden } = world.setUp;
    if (hidden === undefined || kind !== SNAPSHOT || !name.startsWith("sweep")) return;
    const bit = 1 << world.snapshotSlot(hidden.snapshot);
    this.told.length = 0;
    if ((row[world.acked] ?? 0) >>> 24 >= hidden.times || (surely & bit) === 0) return;
    this.listed(row, p, step, surely & ~bit, name, () => {
      this.to[world.acked] = (this.to[world.acked] ?? 0) + HIDDEN_ONE;
      emit(() => `${name} lists snapshots, and the store leaves out ${hidden.snapshot}`);
    });
  }

  private atOnce(row: Int32Array, p: number, step: Step, name: string, emit: Emit): void {
    const { world } = this;
    const next = world.afterList(row, p, step, row[step.at.kind] ?? 0);
    for (const local of next) {
      const put = world.stepOf(p, local);
      if (put.move.do !== "put") continue;
      for (const end of world.afterPut(p, put, true)) {
        this.put(row, p, put.at, end);
        emit(() => `${name} puts ${this.describe(put.at)}`);
      }
    }
  }

  private listed(row: Int32Array, p: number, step: Step, mask: number, name: string, emit: Emit) {
    const { world } = this;
    for (const next of world.afterList(row, p, step, mask)) {
      // Several views may tell it the same.
      if (this.told.includes(next)) continue;
      this.told.push(next);
      if (this.stops(row, p, next)) continue;
      this.move(row, p, next);
      this.tidy();
      emit(() => {
        const { kind } = step.at;
        const seen: string[] = [];
        for (let m = mask; m !== 0; m &= m - 1)
          seen.push(
            this.describe({ kind, slot: lowest(m), content: this.heldAt(row, kind, lowest(m)) }),
          );
        return `${name} lists ${KINDS[kind]}: ${seen.join("; ") || "nothing"}`;
      });
    }
  }

  private heldAt(row: Int32Array, kind: number, slot: number): number {
    const at = this.world.content[kind] ?? -1;
    return at < 0 ? 0 : (row[at + slot] ?? 0);
  }

  private reads(row: Int32Array, p: number, step: Step, name: string, emit: Emit): void {
    const { kind, slot } = step.at;
    const there = ((row[kind] ?? 0) >> slot) & 1;
    if (step.move.do === "await" && !there) return;
    for (const next of this.world.afterRead(row, p, step)) {
      this.move(row, p, next);
      this.tidy();
      emit(() => {
        const what = this.describe({ kind, slot, content: this.heldAt(row, kind, slot) });
        return there ? `${name} reads ${what}` : `${name} finds ${what.split(" ")[0]} gone`;
      });
    }
  }

  /** The put was sent and its answer never came; it may land later, or never. */
  private doubts(row: Int32Array, p: number, step: Step, name: string, emit: Emit): void {
    if (step.flight !== null || !this.world.setUp.processes[p]?.actor.doubts) return;
    for (const next of this.world.afterPut(p, step, false)) {
      this.move(row, p, next);
      this.tidy();
      emit(() => `${name} sends ${this.describe(step.at)} and never learns whether it was put`);
    }
  }

  private land(row: Int32Array, p: number, step: Step, name: string, emit: Emit): void {
    const { flight } = step;
    if (flight === null) return;
    const { windows } = this.world;
    this.move(row, p, flight.next);
    this.to[windows + p] = row[windows + p] ?? 0;
    if (step.move.do === "list" && step.at.kind === flight.kind) {
      addBits(this.to, windows + p, 1 << flight.slot);
    }
    this.place(p, flight);
    emit(() => `what ${name} sent long ago lands: ${this.describe(flight)}`);
  }

  private put(row: Int32Array, p: number, at: Step["at"], next: number): void {
    this.move(row, p, next);
    this.place(p, at);
  }

  /** The object is there now; every listing of its kind that runs may have it or not. */
  private place(p: number, { kind, slot, content }: Step["at"]): void {
    const { to, world } = this;
    // Final fences on one claim are all alike and are one object here: a second changes nothing.
    if (!(((to[kind] ?? 0) >> slot) & 1)) {
      addBits(to, kind, 1 << slot);
      const from = world.content[kind] ?? -1;
      if (from >= 0) to[from + slot] = content;
      if (kind === INDEX && world.setUp.caches) addBits(to, world.ever, 1 << slot);
      this.disturb(p, kind, slot);
    }
    this.tidy();
  }

  /** The process goes on; if it now lists, its listing begins here. */
  private move(row: Int32Array, p: number, next: number): void {
    const { to, world } = this;
    to.set(row);
    to[world.locals + p] = next;
    to[world.windows + p] = 0;
    addBits(to, world.acked, world.step(to, p).acked);
  }

  /** Every listing of this kind that runs now may have the object or not. */
  private disturb(p: number, kind: number, slot: number): void {
    const { to, world } = this;
    for (let q = 0; q < world.count; q++) {
      if (q === p) continue;
      const { move, at } = world.step(to, q);
      if (move.do === "list" && at.kind === kind) addBits(to, world.windows + q, 1 << slot);
    }
  }

  private tidy(): void {
    this.forgetting.of(this.to);
  }

  describe({ kind, slot, content }: Step["at"]): string {
    const { world } = this;
    const name = world.slots[kind]?.values[slot]?.name ?? "";
    const text = world.texts[kind]?.values[content] ?? "";
    if (kind === PACK) return `pack ${name}${text && ` holding ${text}`}`;
    if (kind === INDEX) return `run ${name}${text && ` saying ${text}`}`;
    if (KINDS[kind] !== "condemned") return kind === SNAPSHOT ? `snapshot ${name}` : name;
    if (text === "") return name;
    const { packs, marked, tombstones } = JSON.parse(text);
    const counts = `counted ${marked.join(" ") || "none"}`;
    const forgot = `forgot ${tombstones.join(" ") || "none"}`;
    return `${name} (packs ${packs.join(" ") || "none"}; ${counts}; ${forgot})`;
  }
}

/** Whether a step can have broken what held before: an object gone, a fence, an acknowledgement. */
export function mayBreak(world: World, from: Int32Array, to: Int32Array): boolean {
  if (from[world.acked] !== to[world.acked] || from[FENCE] !== to[FENCE]) return true;
  return [PACK, INDEX, SNAPSHOT].some((kind) => ((from[kind] ?? 0) & ~(to[kind] ?? 0)) !== 0);
}

/** Null, or what a reader of an acknowledged snapshot would meet. */
export function violation(world: World, row: Int32Array): string | null {
  const { snapshots, rules } = world.setUp;
  const acked = (row[world.acked] ?? 0) & (HIDDEN_ONE - 1);
  const tombstones = world.found(row, TOMBSTONE, row[TOMBSTONE] ?? 0);
  const findable = readable(world, row);
  for (let m = acked; m !== 0; m &= m - 1) {
    const slot = lowest(m);
    const name = world.slots[SNAPSHOT]?.values[slot]?.name ?? "";
    if (tombstones.some((t) => t.type === "tombstone" && t.snapshot === name)) continue;
    if (!(((row[SNAPSHOT] ?? 0) >> slot) & 1)) return `${name} was acknowledged and is gone`;
    const kept = snapshots.get(name);
    if (kept === undefined) continue;
    if (rules.ignored(kept, world.found(row, FENCE, row[FENCE] ?? 0)))
      return `${name} was acknowledged and readers leave it out`;
    const lost = [...kept.refs].filter((c) => !findable.has(c));
    if (lost.length > 0)
      return `${name} was acknowledged and cannot be restored: ${lost.join(" ")} is lost`;
  }
  return null;
}

/** Chunks that a reader finds: a run that is there names a pack that is there and holds them. */
export function readable(world: World, row: Int32Array): Set<string> {
  const packs = new Map<string, string>();
  for (const pack of world.found(row, PACK, row[PACK] ?? 0)) {
    if ("name" in pack) packs.set(pack.name, pack.content ?? "");
  }
  const chunks = new Set<string>();
  for (const run of world.found(row, INDEX, row[INDEX] ?? 0)) {
    for (const entry of (run.content ?? "").split(",")) {
      const [chunk = "", pack = ""] = entry.split("@");
      if (packs.get(pack)?.includes(chunk)) chunks.add(chunk);
    }
  }
  return chunks;
}
