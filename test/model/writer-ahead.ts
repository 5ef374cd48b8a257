/** What a writer may still do, and what may still make a difference to it. */
import type { Kept, Stored } from "../../src/repo/protocol/records.ts";
import { RULES, type Rules, type WriterStep } from "../../src/repo/protocol/rules.ts";
import { startWriter, type Writer } from "../../src/repo/protocol/writer.ts";
import {
  type Ahead,
  type Found,
  type Local,
  made,
  minus,
  packOf,
  rowsOf,
  type Slips,
} from "./actor.ts";

export interface WriterLocal extends Local {
  readonly w: Writer;
  readonly attempt: number;
  readonly rows: readonly string[];
  /** Chunks still to be brought; null before it is known. */
  readonly missing: string | null;
  /** Packs that may hold what is missing, for undelete to read; null when it is in hand. */
  readonly sources: readonly string[] | null;
  readonly stored: "nothing" | "pack" | "all";
  /** Only for the slip of taking a parent whole: whether it was seen. */
  readonly parent?: boolean;
  readonly acked: readonly string[];
}

export interface WriterConfig {
  readonly id: string;
  readonly wants: string;
  readonly attempts: number;
  /** May crash and start again at any moment. */
  readonly crashes?: boolean;
  /** The outcome of any put may stay unknown, and the put may land later or never. */
  readonly unknown?: boolean;
  /** What is missing is read from packs that are still there. */
  readonly undeletes?: boolean;
  /** Sync: packs come whole, as they are elsewhere. */
  readonly brings?: string;
  /** For the slip of taking a parent whole. */
  readonly parent?: string;
  readonly heads?: readonly string[];
}

export function snapshotOf(config: WriterConfig, attempt: number): Kept {
  const claim = `${config.id}.${attempt}`;
  return { type: "snapshot", name: `${claim}s`, claim, heads: config.heads ?? [] };
}

export class WriterAhead implements Ahead<WriterLocal> {
  readonly makes: Ahead<WriterLocal>["makes"];
  private readonly config: WriterConfig;
  private readonly rules: Rules;
  private readonly slips: Slips;
  private readonly own: RegExp;
  /** Whether a pack that was listed and is in no condemned list is one to rely on. */
  private readonly trusts: boolean;

  constructor(config: WriterConfig, rules: Rules, slips: Slips) {
    this.config = config;
    this.rules = rules;
    this.slips = slips;
    this.own = new RegExp(`^${config.id}\\.(\\d)`);
    this.trusts = rules.relies === RULES.relies && !slips.wholeParent;
    this.makes = [...Array(config.attempts).keys()].flatMap((n) => {
      const claim = `${config.id}.${n}`;
      const of = slips.sameClaim ? `${config.id}.0` : claim;
      return [
        made({ type: "claim", claim }),
        made({ type: "end", claim }),
        made({ type: "pack", name: slips.sameName && config.brings ? "p0" : `${claim}p` }),
        made({ type: "run", name: `${claim}r` }),
        made({ ...snapshotOf(config, n), claim: of }),
      ];
    });
  }

  /** Steps not yet taken under this claim. */
  private rest({ w }: WriterLocal): readonly WriterStep[] {
    if (w.outcome === "fenced" || w.outcome === "unknown") return [];
    return this.rules.writer.slice(w.step);
  }

  private later(l: WriterLocal): boolean {
    return l.attempt + 1 < this.config.attempts && (l.acked.length === 0 || !!this.slips.sameClaim);
  }

  /** The attempt that an object belongs to; -1 when it is another's. */
  private attemptOf(record: Stored): number {
    const name = "name" in record ? record.name : "claim" in record ? record.claim : "";
    const found = this.own.exec(name);
    if (found !== null) return Number(found[1]);
    return this.slips.sameName && name === "p0" ? 0 : -1;
  }

  alters(l: WriterLocal, record: Stored): boolean {
    const { type } = record;
    if (!["claim", "end", "pack", "run", "snapshot"].includes(type)) return false;
    const n = this.attemptOf(record);
    if (n < 0) return false;
    if (this.slips.sameClaim) return true;
    if (n !== l.attempt) return n > l.attempt && this.later(l);
    const rest = this.rest(l);
    const uploads = rest.includes("upload") && l.missing !== "";
    if (type === "pack") return uploads && l.stored === "nothing";
    if (type === "run") return uploads && l.stored !== "all";
    return rest.includes(type as WriterStep);
  }

  /** Whether what the step lists or reads makes a difference, by this object. */
  private asks(l: WriterLocal, step: WriterStep | undefined, record: Stored): boolean {
    const { w, missing, sources } = l;
    const rest = this.rest(l);
    const told = this.trusts && !rest.includes("condemned");
    switch (step) {
      case "condemned":
        return record.type === "condemned";
      case "pack":
        return record.type === "pack" && !(told && w.condemned.includes(record.name));
      case "index": {
        if (record.type !== "run") return false;
        const pack = packOf(record.name);
        if (!told || pack === null || this.config.undeletes) return true;
        if (w.condemned.includes(pack)) return false;
        return rest.includes("pack") || w.packs.includes(pack);
      }
      case "upload":
        if (record.type === "snapshot") return !!this.slips.wholeParent && l.parent === undefined;
        if (record.type !== "pack" || !this.config.undeletes) return false;
        return missing === null || (sources ?? []).includes(record.name);
      case "snapshot":
        return record.type === "snapshot" && record.name === w.snapshot;
      case "test":
        return "claim" in record && record.claim === w.claim && isFence(record);
      default:
        return false;
    }
  }

  heeds(l: WriterLocal, record: Stored): boolean {
    const rest = this.rest(l);
    if (rest.some((step) => this.asks(l, step, record))) return true;
    // When it is acknowledged its snapshot must be there, and readers must not leave it out.
    const acks = rest.includes("test") || rest.includes("snapshot");
    if (acks && record.type === "snapshot" && record.name === l.w.snapshot) return true;
    if (acks && record.type === "fence" && record.claim === l.w.claim) return true;
    if (!this.later(l)) return false;
    if (record.type === "condemned" || record.type === "pack" || record.type === "run") return true;
    const mine = isFence(record) || record.type === "snapshot";
    return mine && (this.attemptOf(record) > l.attempt || !!this.slips.sameClaim);
  }

  cares(l: WriterLocal, record: Stored): boolean {
    return this.asks(l, this.rest(l)[0], record);
  }

  views({ w }: WriterLocal, record: Stored): boolean {
    return record.type === "pack" && w.packs.includes(record.name);
  }

  mentions(l: WriterLocal, record: Stored): boolean {
    return this.trusts && record.type === "pack" && l.w.condemned.includes(record.name);
  }

  /** Packs that are gone need not be known as condemned. */
  without(l: WriterLocal, gone: readonly Stored[]): WriterLocal {
    const names = gone.map((r) => ("name" in r ? r.name : ""));
    const condemned = l.w.condemned.filter((p) => !names.includes(p));
    return this.forget({ ...l, w: { ...l.w, condemned } });
  }

  forget(l: WriterLocal): WriterLocal {
    const rest = this.rest(l);
    if (rest.length === 0 && !this.later(l)) return this.over(l);
    if (!this.trusts || rest.includes("condemned") || rest.includes("pack")) return l;
    // What was listed tells only which packs to rely on.
    const packs = l.w.packs.filter((p) => this.rules.relies(l.w, p));
    return { ...l, w: { ...l.w, packs, condemned: [] } };
  }

  /** One that has stopped for good is like any other that has. */
  private over({ w, acked, flight }: WriterLocal): WriterLocal {
    const { claim, name } = snapshotOf(this.config, 0);
    const outcome = w.outcome === "acknowledged" ? "acknowledged" : "fenced";
    const step = this.rules.writer.length;
    const last = { ...startWriter(claim, name, []), step, outcome, put: "known" } as const;
    const nothing = { rows: [], missing: null, sources: null, stored: "nothing" } as const;
    return { w: last, attempt: this.config.attempts, ...nothing, flight: flight ?? null, acked };
  }

  /** Chunks that are safe already stay so; a final fence is one, whatever else is seen. */
  enough(l: WriterLocal, found: readonly Found[]): boolean {
    const step = this.rest(l)[0];
    if (step === "test" && l.w.put !== "unknown")
      return found.some((f) => f.type === "fence" && f.claim === l.w.claim);
    if (step !== "index") return false;
    const rows = rowsOf(found).map((r) => r.split("@"));
    const safe = rows.filter(([, p = ""]) => this.rules.relies(l.w, p)).map(([c]) => c);
    return !this.slips.wholeParent && minus(this.config.wants, safe.join("")) === "";
  }
}

export function isFence(record: Stored): boolean {
  return record.type === "intent" || record.type === "withdrawn" || record.type === "fence";
}
