/**
 * Forgets what makes no difference any more, so that states which differ only in that are one.
 *
 * Each rule keeps what can still be done and seen, step by step, as it was:
 *
 * - What a running listing may show matters only as far as its answer depends on it.
 * - An object that no answer yet to come depends on, and no reader, is as good as gone. (Where
 *   newcomers are to be tried afterwards, all objects matter.)
 * - No name is used twice. So a pack that is gone, that no listing can still show and nobody
 *   remembers, is nowhere; then neither a run that names it, nor that a list condemns it, nor that
 *   a sweep would read and remove it makes a difference. Likewise a snapshot that a list honours
 *   the forgetting of.
 * - A claim with a final fence is fenced whatever else is put: its intents and withdrawals, the
 *   claim itself, and what sweeps still meant to do to settle it make no difference: who may still
 *   miss the fence may miss them too. An intent and its withdrawal, both there for everyone to see,
 *   are as good as none.
 * - A claim is settled when nobody can put or remove its snapshot any more and its writer's test is
 *   over. A sweep that has not looked yet will find the snapshot and take its intent back, which
 *   nobody heeds; or will put a fence on a claim without a snapshot, which nobody heeds. So the
 *   claim makes no difference, and without a snapshot its fences do not either.
 */
import type { Stored } from "../../src/repo/protocol/records.ts";
import { packOf } from "./actor.ts";
import { Remains } from "./remains.ts";
import {
  CLAIM,
  CONDEMNED,
  FENCE,
  HIDDEN_ONE,
  INDEX,
  KINDS,
  PACK,
  SNAPSHOT,
  TOMBSTONE,
  type World,
} from "./world.ts";

const HELD = [CONDEMNED, PACK, INDEX] as const;

/** Bits of all that belongs to one claim. */
interface Settling {
  readonly claim: number;
  readonly both: number;
  readonly final: number;
  readonly intents: number;
  readonly pairs: readonly { readonly intent: number; readonly withdrawn: number }[];
  readonly snapshots: number;
}

export class Forgetting {
  private readonly world: World;
  private readonly remains: Remains;
  private readonly claims: readonly Settling[];
  /** Of each run, its pack; -1 for one that may name any. */
  private readonly packOfRun: readonly number[];
  private readonly gone = new Int32Array(KINDS.length);
  /** Packs and snapshots that are there, may still be listed or put, or are remembered. */
  private readonly known = new Int32Array(KINDS.length);
  /** Snapshots that anybody may still change; fences that anybody heeds. */
  private altered = 0;
  private heeded = 0;

  constructor(world: World) {
    this.world = world;
    this.remains = new Remains(world);
    const records = (kind: number) => world.slots[kind]?.values.map((s) => s.record) ?? [];
    const bits = (kind: number, of: (r: Stored) => boolean) =>
      records(kind).reduce((mask, r, i) => (of(r) ? mask | (1 << i) : mask), 0);
    const names = records(CLAIM).flatMap((r) => (r.type === "claim" ? [r.claim] : []));
    const swept = records(FENCE).flatMap((r) => (r.type === "intent" ? [r.sweep] : []));
    const sweeps = [...new Set(swept)];
    this.claims = names.map((name) => {
      const of =
        (...types: string[]) =>
        (r: Stored) =>
          types.includes(r.type) && "claim" in r && r.claim === name;
      return {
        claim: bits(CLAIM, of("claim")),
        both: bits(CLAIM, of("claim", "end")),
        final: bits(FENCE, of("fence")),
        intents: bits(FENCE, of("intent", "withdrawn")),
        pairs: sweeps.map((sweep) => {
          const by = (type: string) => (r: Stored) =>
            of(type)(r) && "sweep" in r && r.sweep === sweep;
          return { intent: bits(FENCE, by("intent")), withdrawn: bits(FENCE, by("withdrawn")) };
        }),
        snapshots: bits(SNAPSHOT, of("snapshot")),
      };
    });
    const packs = world.slots[PACK]?.values.map((s) => s.name) ?? [];
    this.packOfRun = records(INDEX).map((r) =>
      packs.indexOf(packOf("name" in r ? r.name : "") ?? ""),
    );
  }

  of(row: Int32Array): void {
    if (this.world.reduce) {
      this.survey(row);
      if (this.world.setUp.settles) this.settle(row);
      this.locals(row);
      this.objects(row);
    }
    this.held(row);
  }

  /** Gathers what anybody may still change or heed, and what anybody still knows of. */
  private survey(row: Int32Array): void {
    const { world, known } = this;
    const { newcomers } = world.setUp;
    let [seen, coming] = [0, 0];
    let [altered, heeded, packs, snapshots] = [0, 0, row[PACK] as number, newcomers ? -1 : 0];
    for (let p = 0; p < world.count; p++) {
      const { alters, heeds, views, at, cares } = world.step(row, p);
      altered |= alters[SNAPSHOT] as number;
      heeded |= heeds[FENCE] as number;
      packs |= views[PACK] as number;
      seen |= views[SNAPSHOT] as number;
      const makes = world.makes[p] as Int32Array;
      packs |= (alters[PACK] as number) & (makes[PACK] as number);
      coming |= (alters[SNAPSHOT] as number) & (makes[SNAPSHOT] as number);
      snapshots |= heeds[SNAPSHOT] as number;
      const window = (row[world.windows + p] as number) & cares;
      row[world.windows + p] = window;
      if (window === 0) continue;
      if (at.kind === PACK) packs |= window;
      if (at.kind === SNAPSHOT) seen |= window;
    }
    this.altered = altered;
    this.heeded = heeded;
    known[PACK] = packs;
    this.acknowledged(row);
    const there = (row[SNAPSHOT] as number) & (snapshots | (row[world.acked] as number));
    row[SNAPSHOT] = there;
    known[SNAPSHOT] = there | seen | coming;
  }

  private settle(row: Int32Array): void {
    const { world, known, gone } = this;
    const { newcomers } = world.setUp;
    gone[CLAIM] = 0;
    gone[FENCE] = 0;
    let [noClaims, noFences] = [0, 0];
    for (const c of this.claims) {
      const final = (row[FENCE] as number) & c.final;
      const settled = (this.altered & c.snapshots) === 0 && (this.heeded & c.intents) === 0;
      if (!final && !settled) continue;
      const absent = settled && !((known[SNAPSHOT] as number) & c.snapshots);
      if (final || absent) gone[FENCE] = (gone[FENCE] as number) | c.final;
      if (absent && !newcomers) noFences |= c.final | c.intents;
      gone[CLAIM] = (gone[CLAIM] as number) | c.claim;
      noClaims |= c.both;
    }
    row[CLAIM] = (row[CLAIM] as number) & ~noClaims;
    row[FENCE] = (row[FENCE] as number) & ~noFences;
    this.unshow(row, CLAIM, noClaims);
    this.unshow(row, FENCE, noFences);
  }

  /** Running listings of the kind show none of these. */
  private unshow(row: Int32Array, kind: number, none: number): void {
    const { world } = this;
    if (none === 0) return;
    for (let p = 0; p < world.count; p++) {
      if (world.step(row, p).at.kind !== kind) continue;
      row[world.windows + p] = (row[world.windows + p] as number) & ~none;
    }
  }

  /** What processes mean to do to what is gone. */
  private locals(row: Int32Array): void {
    const { world, known, gone } = this;
    gone[PACK] = world.setUp.namesReturn ? 0 : ~(known[PACK] as number);
    gone[SNAPSHOT] = ~(known[SNAPSHOT] as number);
    const drop = KINDS.map(() => 0);
    for (let p = 0; p < world.count; p++) {
      const { mentions, acts, at } = world.step(row, p);
      if (!acts) continue;
      let any = 0;
      for (let kind = 0; kind < KINDS.length; kind++) {
        const mask = kind === CLAIM && at.kind === SNAPSHOT ? this.found(row, p) : gone[kind];
        drop[kind] = (mentions[kind] as number) & (mask as number);
        any |= drop[kind] as number;
      }
      if (any === 0) continue;
      row[world.locals + p] = world.without(p, row[world.locals + p] as number, drop);
      // A listing that need not be made shows nothing; the next begins here.
      if (world.step(row, p).at.kind !== at.kind) row[world.windows + p] = 0;
    }
  }

  /** Settled claims whose snapshot the look that runs will surely find. */
  private found(row: Int32Array, p: number): number {
    const surely = (row[SNAPSHOT] as number) & ~(row[this.world.windows + p] as number);
    const found = this.claims.filter((c) => surely & c.snapshots);
    return found.reduce((mask, c) => mask | c.claim, 0) & (this.gone[CLAIM] as number);
  }

  private objects(row: Int32Array): void {
    const { world, known, gone } = this;
    const { newcomers, trusting } = world.setUp;
    const none = newcomers ? -1 : 0;
    let [claims, fences, lists] = [none, none, none];
    for (let p = 0; p < world.count; p++) {
      const { heeds, cares } = world.step(row, p);
      row[world.windows + p] = (row[world.windows + p] as number) & cares;
      claims |= heeds[CLAIM] as number;
      fences |= heeds[FENCE] as number;
      lists |= heeds[CONDEMNED] as number;
    }
    const acked = (row[world.acked] as number) & (HIDDEN_ONE - 1);
    let finals = 0;
    for (const c of this.claims)
      if (acked & c.snapshots) finals |= c.final | (world.setUp.settles ? 0 : c.intents);
    row[CLAIM] = (row[CLAIM] as number) & claims;
    const matter = this.mattering(row, (row[FENCE] as number) & (fences | finals));
    this.unshow(row, FENCE, (row[FENCE] as number) & ~matter);
    row[FENCE] = matter;
    row[CONDEMNED] = (row[CONDEMNED] as number) & lists;
    if (!trusting) return;
    this.runs(row, known[PACK] as number);
    this.lists(row, gone[PACK] as number, gone[SNAPSHOT] as number);
  }

  /** Nobody misses what has a tombstone, and tombstones stay. */
  private acknowledged(row: Int32Array): void {
    const { world } = this;
    if (row[TOMBSTONE] === 0) return;
    const forgotten = this.remains.forgotten(row[TOMBSTONE] as number);
    row[world.acked] = (row[world.acked] as number) & ~forgotten;
  }

  /** Runs whose pack is nowhere. */
  private runs(row: Int32Array, packs: number): void {
    let none = 0;
    for (let m = row[INDEX] as number; m !== 0; m &= m - 1) {
      const slot = 31 - Math.clz32(m & -m);
      if (!((packs >> (this.packOfRun[slot] as number)) & 1)) none |= 1 << slot;
    }
    if (none === 0) return;
    row[INDEX] = (row[INDEX] as number) & ~none;
    this.unshow(row, INDEX, none);
  }

  /** What condemned lists say of packs and snapshots that are nowhere. */
  private lists(row: Int32Array, packs: number, snapshots: number): void {
    const { world } = this;
    const at = world.content[CONDEMNED] as number;
    const slots = world.slots[CONDEMNED]?.values.length ?? 0;
    for (let slot = 0; slot < slots; slot++) {
      const content = row[at + slot] as number;
      if (content !== 0) row[at + slot] = this.remains.stripped(content, packs, snapshots);
    }
  }

  /** Of these fences, those that still make a claim fenced or not, for everyone who lists them. */
  private mattering(row: Int32Array, fences: number): number {
    let [left, unsure] = [fences, 0];
    if (fences === 0) return 0;
    const { world } = this;
    for (let p = 0; p < world.count; p++)
      if (world.step(row, p).at.kind === FENCE) unsure |= row[world.windows + p] as number;
    for (const c of this.claims) {
      if (!(fences & c.intents)) continue;
      const final = fences & c.final;
      const needed = final & unsure ? this.shown(row, c.final) : 0;
      for (const { intent, withdrawn } of c.pairs) {
        const both = intent | withdrawn;
        const taken = (fences & ~unsure & both) === both;
        if (taken || (final !== 0 && !(needed & both))) left &= ~both;
      }
    }
    return left;
  }

  /** What listings surely show in which this final fence may be missed. */
  private shown(row: Int32Array, final: number): number {
    const { world } = this;
    let shown = 0;
    for (let p = 0; p < world.count; p++) {
      const window = row[world.windows + p] as number;
      if (window & final && world.step(row, p).at.kind === FENCE) shown |= ~window;
    }
    return shown & (row[FENCE] as number);
  }

  /** What objects held that are gone and that no listing can show. */
  private held(row: Int32Array): void {
    const { world } = this;
    for (const kind of HELD) {
      if (kind === INDEX && world.setUp.caches) continue;
      const at = world.content[kind] as number;
      let shown = row[kind] as number;
      for (let q = 0; q < world.count; q++) {
        const window = row[world.windows + q] as number;
        if (window !== 0 && world.step(row, q).at.kind === kind) shown |= window;
      }
      for (let slot = world.room(kind) - 1; slot >= 0; slot--) {
        if (!((shown >> slot) & 1)) row[at + slot] = 0;
      }
    }
  }
}
