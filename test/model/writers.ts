/** Backup, resumption, undelete and sync: one protocol, with what differs in what they upload. */
import type { Rules } from "../../src/repo/protocol/rules.ts";
import { nextOfWriter, startWriter, writerAfter } from "../../src/repo/protocol/writer.ts";
import {
  type Actor,
  type Flight,
  type Move,
  minus,
  plain,
  putBulk,
  putting,
  type Reply,
  rowsFor,
  rowsOf,
  type Slips,
} from "./actor.ts";
import { snapshotOf, WriterAhead, type WriterConfig, type WriterLocal } from "./writer-ahead.ts";

export class WriterActor implements Actor<WriterLocal> {
  readonly start: WriterLocal;
  readonly doubts: boolean;
  readonly ahead: WriterAhead;
  private readonly config: WriterConfig;
  private readonly rules: Rules;
  private readonly slips: Slips;

  constructor(config: WriterConfig, rules: Rules, slips: Slips) {
    this.config = config;
    this.rules = rules;
    this.slips = slips;
    this.doubts = config.unknown ?? false;
    this.ahead = new WriterAhead(config, rules, slips);
    this.start = this.begin(0, null, []);
  }

  private last(l: WriterLocal): boolean {
    return l.attempt + 1 >= this.config.attempts;
  }

  private packName(l: WriterLocal): string {
    const { id, brings } = this.config;
    return this.slips.sameName && brings ? "p0" : `${id}.${l.attempt}p`;
  }

  private begin(attempt: number, flight: Flight | null, acked: readonly string[]): WriterLocal {
    const { claim, name } = snapshotOf(this.config, attempt);
    const w = startWriter(claim, name, this.config.heads ?? []);
    return { w, attempt, rows: [], missing: null, sources: null, stored: "nothing", flight, acked };
  }

  private again(l: WriterLocal, flight: Flight | null): WriterLocal[] {
    if (this.last(l)) return [];
    const next = this.begin(l.attempt + 1, flight, l.acked);
    // The slip: what was listed and uploaded under the old claim is believed under the new one.
    return [this.slips.keepListing ? { ...next, missing: "", stored: "all" } : next];
  }

  /** Goes on over what needs no store: working out what is missing, and endings. */
  private onward(l: WriterLocal): WriterLocal {
    const { config, rules, slips } = this;
    if (nextOfWriter(l.w, rules).do !== "work") return this.conclude(l);
    if (l.missing === null) {
      if (slips.wholeParent && l.parent === undefined) return l;
      const rows = l.rows.map((r) => r.split("@"));
      const safe = rows.filter(([, p = ""]) => l.parent || rules.relies(l.w, p)).map(([c]) => c);
      const missing = minus(config.wants, safe.join(""));
      const held = rows.filter(([c = ""]) => missing.includes(c)).map(([, p = ""]) => p);
      const sources = config.undeletes && missing !== "" ? held : null;
      return this.onward({ ...l, rows: [], missing, sources });
    }
    if (l.missing !== "" && l.stored !== "all") return l;
    const w = writerAfter(l.w, { did: "work", chosen: [] }, rules);
    return this.onward({ ...l, w, missing: "", sources: null, stored: "all" });
  }

  private conclude(l: WriterLocal): WriterLocal {
    const { w } = l;
    if (w.outcome === "acknowledged" && w.put === "known" && !l.acked.includes(w.snapshot)) {
      const acked = [...l.acked, w.snapshot];
      if (!this.slips.sameClaim || this.last(l)) return { ...l, acked };
      const { name } = snapshotOf(this.config, l.attempt + 1);
      const step = this.rules.writer.indexOf("snapshot");
      const more = { ...w, step, snapshot: name, put: "no", outcome: "working" } as const;
      return { ...l, w: more, attempt: l.attempt + 1, acked };
    }
    const over = w.outcome === "fenced" || w.outcome === "unknown";
    return (over && this.again(l, l.flight ?? null)[0]) || l;
  }

  move(l: WriterLocal): Move {
    const action = nextOfWriter(l.w, this.rules);
    if (action.do === "put") return putting(action.record);
    if (action.do !== "work") return action;
    if (l.missing === null) return { do: "list", kind: "snapshot" };
    if (l.sources !== null) {
      const [pack] = l.sources;
      if (pack === undefined) return { do: "stop", outcome: "what should come back is gone" };
      return { do: "read", pack };
    }
    const chunks = this.config.brings ?? l.missing;
    if (l.stored === "nothing") return putBulk("pack", this.packName(l), chunks);
    return putBulk("index", `${this.config.id}.${l.attempt}r`, rowsFor(chunks, this.packName(l)));
  }

  answer(l: WriterLocal, reply: Reply): WriterLocal[] {
    const { rules } = this;
    const done = this.move(l);
    if (reply.did === "read") {
      const whole = reply.content !== null && minus(l.missing ?? "", reply.content) === "";
      return [{ ...l, sources: whole ? null : (l.sources ?? []).slice(1) }];
    }
    if (done.do === "put" && reply.did === "put" && !reply.known) {
      const { kind, name, content } = done;
      const flight = { kind, name, content };
      // An end that may not have been put is nobody's harm.
      if (kind !== "snapshot" && l.acked.length === 0) return this.again(l, flight);
      return [this.onward({ ...l, w: writerAfter(l.w, reply, rules), flight })];
    }
    if (done.do === "put" && done.kind === "pack") return [{ ...l, stored: "pack" }];
    if (done.do === "put" && done.kind === "index") return [this.onward({ ...l, stored: "all" })];
    if (reply.did === "list" && nextOfWriter(l.w, rules).do === "work") {
      const { parent } = this.config;
      return [
        this.onward({ ...l, parent: reply.found.some((f) => "name" in f && f.name === parent) }),
      ];
    }
    const listed = done.do === "list" && done.kind === "index" && reply.did === "list";
    const rows = listed ? rowsOf(reply.found) : l.rows;
    return [this.onward({ ...l, w: writerAfter(l.w, plain(reply), rules), rows })];
  }

  restart(l: WriterLocal): WriterLocal[] {
    if (!this.config.crashes || l.acked.length > 0 || this.move(l).do === "stop") return [];
    return this.again(l, l.flight ?? null);
  }
}
