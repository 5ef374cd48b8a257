/**
 * What must still be possible from every store that was ever reached, with everybody else dead:
 * every condemned list can be swept, all garbage goes, and a new writer is acknowledged at once.
 */
import type { Listing } from "../../src/repo/protocol/records.ts";
import { type Actor, both, type Found, minus, type Reply, type Slips, union } from "./actor.ts";
import { condemnActor, sweepActor } from "./prunes.ts";
import { hashRow, Seen } from "./states.ts";
import { KINDS, type World } from "./world.ts";
import { WriterActor } from "./writers.ts";

type Objects = Map<Listing, Map<string, Found>>;

function objectsOf(world: World, row: Int32Array): Objects {
  return new Map(
    KINDS.map((kind, k) => {
      const slots = world.slots[k]?.values ?? [];
      const there = slots.flatMap((slot, s) =>
        ((row[k] ?? 0) >> s) & 1
          ? world.found(row, k, 1 << s).map((f) => [slot.name, f] as const)
          : [],
      );
      return [kind, new Map(there)];
    }),
  );
}

/** Runs one process to its end with nobody else about; says how it ended. */
function alone(objects: Objects, actor: Actor): string {
  let local = actor.start;
  for (;;) {
    const move = actor.move(local);
    if (move.do === "stop") return move.outcome;
    let reply: Reply;
    if (move.do === "put") {
      const { content, record } = move;
      const kept = move.kind === "condemned" ? record : { ...record, content };
      objects.get(move.kind)?.set(move.name, kept);
      reply = { did: "put", known: true };
    } else if (move.do === "list") {
      reply = { did: "list", found: [...(objects.get(move.kind)?.values() ?? [])] };
    } else if (move.do === "remove") {
      objects.get(move.kind)?.delete(move.name);
      reply = { did: "remove" };
    } else if (move.do === "read") {
      reply = { did: "read", content: objects.get("pack")?.get(move.pack)?.content ?? null };
    } else {
      const record = objects.get("condemned")?.get(move.name);
      if (record === undefined) return "no such list";
      reply = { did: "await", record };
    }
    // A prune that may choose condemns all there is.
    const next = actor.answer(local, reply).at(-1);
    if (next === undefined) return "nothing to do";
    local = next;
  }
}

export class Liveness {
  private readonly world: World;
  private readonly slips: Slips;
  private readonly seen = new Seen();
  private readonly prefix: Int32Array;

  constructor(world: World, slips: Slips = {}) {
    this.world = world;
    this.slips = slips;
    this.prefix = new Int32Array(world.ever);
  }

  /** Stores looked at. */
  get stores(): number {
    return this.seen.size;
  }

  /** Null, or who would be stuck for ever. Many states share a store; each is tried once. */
  check(row: Int32Array): string | null {
    const { world } = this;
    this.prefix.set(row.subarray(0, world.ever));
    hashRow(this.prefix);
    if (!this.seen.add()) return null;
    const { rules, snapshots } = world.setUp;
    const objects = objectsOf(world, row);
    const refs = (name: string) => snapshots.get(name)?.refs ?? "";
    const around = { snapshots: [], claims: [], forgettable: [], chunks: "", refs, lean: false };
    const sweep = (id: string, list: string) =>
      alone(objects, sweepActor(id, list, around, rules, this.slips));
    const fine = (outcome: string) => outcome === "swept";
    for (const list of [...(objects.get("condemned")?.keys() ?? [])]) {
      const outcome = sweep(`y${list}`, list);
      if (!fine(outcome)) return `the sweep of ${list} can never finish: ${outcome}`;
    }
    const condemned = alone(objects, condemnActor("k9"));
    const outcome = condemned === "condemned" ? sweep("y9", "k9") : "swept";
    if (!fine(outcome)) return `a new prune can never finish: ${outcome}`;
    const kept = this.needed(objects);
    const there = union(...[...(objects.get("pack")?.values() ?? [])].map((p) => p.content ?? ""));
    if (minus(there, kept) !== "") return `garbage stays for ever: ${minus(there, kept)}`;
    const wants = both(union(...[...snapshots.values()].map((s) => s.refs)), "abc");
    const writer = new WriterActor({ id: "w9", wants, attempts: 1 }, rules, this.slips);
    const end = alone(objects, writer);
    return end === "acknowledged" ? null : `a new writer is not acknowledged: ${end}`;
  }

  /** Chunks of every snapshot that is there and that readers do not leave out. */
  private needed(objects: Objects): string {
    const { rules, snapshots } = this.world.setUp;
    const fences = [...(objects.get("fence")?.values() ?? [])];
    const there = [...(objects.get("snapshot")?.values() ?? [])];
    const live = there.filter((s) => s.type === "snapshot" && !rules.ignored(s, fences));
    return union(...live.map((s) => ("name" in s ? (snapshots.get(s.name)?.refs ?? "") : "")));
  }
}
