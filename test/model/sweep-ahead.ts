/** What a sweep may still do, and what may still make a difference to it. */
import type { Kept, Stored } from "../../src/repo/protocol/records.ts";
import { RULES, type Rules, type SweepStep } from "../../src/repo/protocol/rules.ts";
import { type Sweep, startSweep, sweepTrusts } from "../../src/repo/protocol/sweep.ts";
import {
  type Ahead,
  type Found,
  type Local,
  made,
  minus,
  packOf,
  type Reply,
  rowsOf,
  type Slips,
  union,
} from "./actor.ts";
import { isFence } from "./writer-ahead.ts";

export interface SweepLocal extends Local {
  /** Null until the list is there to be swept. */
  readonly s: Sweep | null;
  /** Chunks that are needed and have no other safe place; then those to be copied. */
  readonly lacking: string;
  readonly copies: string;
  /** Only for slips: chunks in safe packs that are not indexed; rows of the list's packs. */
  readonly kept: string;
  readonly byIndex: readonly string[];
  readonly stored: "nothing" | "pack";
  readonly lost?: boolean;
}

/** What a sweep may meet in its scene. */
export interface Around {
  readonly snapshots: readonly string[];
  /** Claims that may be there, and snapshots that a list may honour the forgetting of. */
  readonly claims: readonly string[];
  readonly forgettable: readonly string[];
  /** Chunks that any snapshot may need. */
  readonly chunks: string;
  refs(snapshot: string): string;
  /** Nothing is missing but what is not seen, and a lost chunk stops nobody. */
  readonly lean: boolean;
}

const SETTLING = ["claims", "fences", "intend", "look", "settle"] as const;
const NEEDS = "needs ";
const nameless = (record: Stored) =>
  "claim" in record ? record.claim : record.type === "tombstone" ? record.snapshot : "";

export class SweepAhead implements Ahead<SweepLocal> {
  readonly makes: Ahead<SweepLocal>["makes"];
  private readonly id: string;
  private readonly list: string;
  private readonly around: Around;
  private readonly rules: Rules;
  /** Whether only trusted packs matter: listed, and in no condemned list. */
  private readonly trusts: boolean;
  private readonly start: SweepLocal;
  private readonly answer: (l: SweepLocal, reply: Reply) => SweepLocal[];

  constructor(
    id: string,
    list: string,
    around: Around,
    rules: Rules,
    slips: Slips,
    start: SweepLocal,
    answer: (l: SweepLocal, reply: Reply) => SweepLocal[],
  ) {
    this.answer = answer;
    this.id = id;
    this.list = list;
    this.around = around;
    this.rules = rules;
    this.start = start;
    const usual = rules.keeps === RULES.keeps && !slips.unindexedKeepers && !slips.contentsByIndex;
    this.trusts = usual && !slips.pardon;
    const sweep = id;
    this.makes = [
      ...around.claims.flatMap((claim) => [
        made({ type: "intent", claim, sweep }),
        made({ type: "withdrawn", claim, sweep }),
        made({ type: "fence", claim }),
      ]),
      made({ type: "pack", name: `${id}p` }),
      made({ type: "run", name: `${id}r` }),
    ];
  }

  refs(snapshot: string): string {
    const { around } = this;
    return snapshot.startsWith(NEEDS) ? snapshot.slice(NEEDS.length) : around.refs(snapshot);
  }

  private rest({ s, lost }: SweepLocal): readonly SweepStep[] {
    if (s === null) return this.rules.sweep;
    return lost || s.outcome !== "working" ? [] : this.rules.sweep.slice(s.step);
  }

  /** Whether the sweep may settle the claim, as far as it has listed. */
  private opens({ s }: SweepLocal, rest: readonly SweepStep[], claim: string): boolean {
    return s === null || rest.includes("claims") || s.open.includes(claim);
  }

  alters(l: SweepLocal, record: Stored): boolean {
    const { s } = l;
    const rest = this.rest(l);
    const now = (step: SweepStep) => s !== null && rest[0] === step;
    const listed = (step: SweepStep, all: readonly string[], name: string) =>
      rest.includes(step) && (s === null || (now(step) ? s.left : all).includes(name));
    const looked = s !== null && !rest.includes("look");
    const copies = rest.includes("copy") && !this.nothingLacks(l, rest);
    switch (record.type) {
      case "intent": {
        if (record.sweep !== this.id || !rest.includes("intend")) return false;
        return now("intend")
          ? listed("intend", [], record.claim)
          : this.opens(l, rest, record.claim);
      }
      case "withdrawn":
      case "fence": {
        const own = record.type === "fence" || record.sweep === this.id;
        if (!own || !rest.includes("settle")) return false;
        if (looked && s.found.includes(record.claim) !== (record.type === "withdrawn"))
          return false;
        return now("settle")
          ? listed("settle", [], record.claim)
          : this.opens(l, rest, record.claim);
      }
      case "snapshot":
        if (s === null) return this.around.forgettable.includes(record.name);
        return listed("unlink", s.list.tombstones, record.name);
      case "pack":
        if (record.name === `${this.id}p` && copies && l.stored === "nothing") return true;
        return listed("remove", s?.list.packs ?? [], record.name);
      case "run":
        return record.name === `${this.id}r` && copies;
      case "condemned":
        return record.name === this.list && rest.includes("release");
      default:
        return false;
    }
  }

  /** Whether it is known that nothing has to be copied, or nothing more. */
  private nothingLacks(l: SweepLocal, rest: readonly SweepStep[]): boolean {
    return l.s !== null && !rest.includes("index") && l.lacking === "" && l.copies === "";
  }

  private asks(l: SweepLocal, step: SweepStep | undefined, record: Stored): boolean {
    const { s } = l;
    const rest = this.rest(l);
    const { type } = record;
    const told = this.trusts && this.around.lean && s !== null && !rest.includes("condemned");
    switch (step) {
      case "claims":
        return type === "claim" || type === "end";
      case "fences":
        return type === "fence" && this.opens(l, rest, record.claim);
      case "look":
        return type === "snapshot" && this.opens(l, rest, record.claim);
      case "condemned":
        return type === "condemned";
      case "pack":
        return type === "pack" && !(told && s.condemned.includes(record.name));
      case "snapshots":
        return type === "snapshot" && !this.honoured(l, record.name);
      case "finals":
        if (!isFence(record) || !("claim" in record)) return false;
        if (this.rules.ignored === RULES.ignored && type !== "fence") return false;
        return (
          s === null || rest.includes("snapshots") || s.seen.some((k) => k.claim === record.claim)
        );
      case "tombstones":
        return type === "tombstone";
      case "index": {
        if (type !== "run") return false;
        const pack = packOf(record.name);
        if (!told || pack === null) return true;
        return rest.includes("pack") ? !s.condemned.includes(pack) : this.keeps(l, pack);
      }
      case "contents": {
        if (type !== "pack") return false;
        if (s === null) return true;
        if (this.nothingLacks(l, rest)) return false;
        return (rest[0] === "contents" ? s.left : s.list.packs).includes(record.name);
      }
      default:
        return false;
    }
  }

  private keeps({ s }: SweepLocal, pack: string): boolean {
    return s !== null && sweepTrusts(s, pack, this.rules);
  }

  private honoured({ s }: SweepLocal, name: string): boolean {
    return this.around.lean && (s?.list.tombstones ?? []).includes(name);
  }

  heeds(l: SweepLocal, record: Stored): boolean {
    return this.rest(l).some((step) => this.asks(l, step, record));
  }

  cares(l: SweepLocal, record: Stored): boolean {
    return this.asks(l, this.rest(l)[0], record);
  }

  views({ s }: SweepLocal, record: Stored): boolean {
    if (s === null) return false;
    if (record.type === "pack") return s.packs.includes(record.name);
    return record.type === "snapshot" && s.seen.some((k) => k.name === record.name);
  }

  /**
   * Packs and snapshots of its list, and packs of others. Claims that it has still to settle: under
   * `fence` in any case, under `claim` as far as it will surely find the claim's snapshot.
   */
  mentions(l: SweepLocal, record: Stored): boolean {
    const { s } = l;
    if (s === null) return false;
    const [now, ...then] = this.rest(l);
    const doing = (...steps: SweepStep[]) => now !== undefined && steps.includes(now);
    switch (record.type) {
      case "pack": {
        const going = doing("contents", "remove") && s.left.includes(record.name);
        const named = [...s.list.packs, ...s.condemned].includes(record.name);
        return this.trusts && (going || named);
      }
      case "snapshot": {
        const going = doing("unlink") && s.left.includes(record.name);
        return going || s.list.tombstones.includes(record.name);
      }
      case "claim":
      case "fence": {
        const { claim } = record;
        if (doing("look") || then.includes("look")) return s.open.includes(claim);
        const sure = record.type === "fence" || s.found.includes(claim);
        return doing("settle") && s.left.includes(claim) && sure;
      }
      default:
        return false;
    }
  }

  /** Steps that have nothing left to act on are taken: they could change nothing. */
  without(l: SweepLocal, gone: readonly Stored[]): SweepLocal {
    const { s } = l;
    if (s === null) return l;
    const names = gone.map((r) => ("name" in r ? r.name : nameless(r)));
    const still = (some: readonly string[]) => some.filter((x) => !names.includes(x));
    const { packs, tombstones } = s.list;
    const list = { ...s.list, packs: still(packs), tombstones: still(tombstones) };
    const left = still(s.left);
    const [open, found, condemned] = [still(s.open), still(s.found), still(s.condemned)];
    const less = { ...s, list, open, found, condemned };
    const now = this.rest(l)[0];
    if (now === "look" && less.open.length === 0)
      return this.after({ ...l, s: less }, { did: "list", found: [] });
    if (s.left.length === 0 || left.length > 0) return this.forget({ ...l, s: { ...less, left } });
    const done = { ...l, s: { ...less, left: s.left.slice(0, 1) } };
    if (now === "contents") return this.after(done, { did: "read", content: null });
    const put = now === "intend" || now === "settle";
    return this.after(done, put ? { did: "put", known: true } : { did: "remove" });
  }

  private after(l: SweepLocal, reply: Reply): SweepLocal {
    const [next = l] = this.answer(l, reply);
    return this.forget(next);
  }

  forget(l: SweepLocal): SweepLocal {
    const { s } = l;
    if (s === null) return l;
    const [now, ...then] = this.rest(l);
    if (now === undefined) return this.over(l);
    const { lean } = this.around;
    const acts = (step: SweepStep) => then.includes(step);
    const packs = acts("contents") || acts("remove") || !this.trusts ? s.list.packs : [];
    const finals = now === "finals" || acts("finals");
    const tombstones = finals || acts("unlink") ? s.list.tombstones : [];
    const marked = finals && !lean ? s.list.marked : [];
    const list = { ...s.list, packs, tombstones, marked };
    const settled = !SETTLING.some((step) => now === step || acts(step));
    const settling = now === "settle" && !SETTLING.some(acts);
    const open = settled ? [] : settling ? s.left : s.open;
    const found = s.found.filter((c) => open.includes(c));
    const lacking = now === "contents" || acts("contents") ? l.lacking : "";
    const next = { ...l, lacking, s: { ...s, list, open, found } };
    return this.summed(this.trusting(next, [now, ...then]), [now, ...then]);
  }

  /** What was listed tells only which packs are trusted. */
  private trusting(l: SweepLocal, rest: readonly SweepStep[]): SweepLocal {
    const { s } = l;
    if (s === null || !this.around.lean || !this.trusts) return l;
    if (rest.includes("condemned") || rest.includes("pack")) return l;
    const packs = s.packs.filter((p) => this.keeps(l, p));
    return { ...l, s: { ...s, packs, condemned: [] } };
  }

  /** What was seen tells only which chunks are needed, as far as that is sure. */
  private summed(l: SweepLocal, rest: readonly SweepStep[]): SweepLocal {
    const { s } = l;
    if (s === null) return l;
    if (!rest.includes("finals")) {
      const needed = union(...s.counted.map((name) => this.refs(name)));
      return { ...l, s: { ...s, counted: needed === "" ? [] : [NEEDS + needed] } };
    }
    if (!this.around.lean || this.rules.counted !== RULES.counted) return l;
    const seen = s.seen.filter((k) => !this.honoured(l, k.name));
    const sure = rest.includes("snapshots") ? undefined : seen.find((k) => this.sure(k));
    return { ...l, s: { ...s, seen: sure === undefined ? seen : [sure] } };
  }

  /** It needs every chunk that any snapshot may need, and nobody can fence its claim. */
  private sure(kept: Kept): boolean {
    const { chunks, claims } = this.around;
    return !claims.includes(kept.claim) && minus(chunks, this.refs(kept.name)) === "";
  }

  private over(l: SweepLocal): SweepLocal {
    const nothing = {
      type: "condemned",
      name: this.list,
      packs: [],
      marked: [],
      tombstones: [],
    } as const;
    return {
      ...this.start,
      s: { ...startSweep(this.id, nothing), outcome: "swept" },
      ...(l.flight && { flight: l.flight }),
    };
  }

  enough(l: SweepLocal, found: readonly Found[]): boolean {
    const { s } = l;
    if (s === null || !this.around.lean || !this.trusts) return false;
    const now = this.rest(l)[0];
    if (now === "snapshots")
      return found.some((f) => f.type === "snapshot" && !this.honoured(l, f.name) && this.sure(f));
    if (now !== "index") return false;
    const rows = rowsOf(found).map((r) => r.split("@"));
    const safe = rows.filter(([, p = ""]) => this.keeps(l, p)).map(([c]) => c);
    const needed = union(...s.counted.map((name) => this.refs(name)));
    return minus(needed, safe.join("")) === "";
  }
}
