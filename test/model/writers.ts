/** Backup, resumption, undelete and sync: one protocol, with what differs in what they upload. */
import type { Kept, Listing } from "../../src/repo/protocol/records.ts";
import type { Rules } from "../../src/repo/protocol/rules.ts";
import {
  nextOfWriter,
  startWriter,
  type Writer,
  writerAfter,
} from "../../src/repo/protocol/writer.ts";
import {
  type Actor,
  type Flight,
  type Local,
  minus,
  plain,
  putBulk,
  putting,
  type Reply,
  rowsFor,
  rowsOf,
  type Slips,
  type Todo,
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

export function writerActor(config: WriterConfig, rules: Rules, slips: Slips): Actor<WriterLocal> {
  const { id } = config;
  const last = (l: WriterLocal) => l.attempt + 1 >= config.attempts;
  const packName = (l: WriterLocal) =>
    slips.sameName && config.brings ? "p0" : `${id}.${l.attempt}p`;

  function begin(attempt: number, flight: Flight | null, acked: readonly string[]): WriterLocal {
    const { claim, name } = snapshotOf(config, attempt);
    const w = startWriter(claim, name, config.heads ?? []);
    return { w, attempt, rows: [], missing: null, sources: null, stored: "nothing", flight, acked };
  }

  function again(l: WriterLocal, flight: Flight | null): WriterLocal[] {
    if (last(l)) return [];
    const next = begin(l.attempt + 1, flight, l.acked);
    // The slip: what was listed and uploaded under the old claim is believed under the new one.
    return [slips.keepListing ? { ...next, missing: "", stored: "all" } : next];
  }

  /** Goes on over what needs no store: working out what is missing, and endings. */
  function onward(l: WriterLocal): WriterLocal {
    if (nextOfWriter(l.w, rules).do !== "work") return conclude(l);
    if (l.missing === null) {
      if (slips.wholeParent && l.parent === undefined) return l;
      const rows = l.rows.map((r) => r.split("@"));
      const safe = rows.filter(([, p = ""]) => l.parent || rules.relies(l.w, p)).map(([c]) => c);
      const missing = minus(config.wants, safe.join(""));
      const held = rows.filter(([c = ""]) => missing.includes(c)).map(([, p = ""]) => p);
      const sources = config.undeletes && missing !== "" ? held : null;
      return onward({ ...l, rows: [], missing, sources });
    }
    if (l.missing !== "" && l.stored !== "all") return l;
    const w = writerAfter(l.w, { did: "work", chosen: [] }, rules);
    return onward({ ...l, w, missing: "", sources: null, stored: "all" });
  }

  function conclude(l: WriterLocal): WriterLocal {
    const { w } = l;
    if (w.outcome === "acknowledged" && w.put === "known" && !l.acked.includes(w.snapshot)) {
      const acked = [...l.acked, w.snapshot];
      if (!slips.sameClaim || last(l)) return { ...l, acked };
      const { name } = snapshotOf(config, l.attempt + 1);
      const step = rules.writer.indexOf("snapshot");
      const more = { ...w, step, snapshot: name, put: "no", outcome: "working" } as const;
      return { ...l, w: more, attempt: l.attempt + 1, acked };
    }
    const over = w.outcome === "fenced" || w.outcome === "unknown";
    return (over && again(l, l.flight ?? null)[0]) || l;
  }

  function todo(l: WriterLocal): Todo {
    const action = nextOfWriter(l.w, rules);
    if (action.do === "put") return putting(action.record);
    if (action.do !== "work") return action;
    if (l.missing === null) return { do: "list", kind: "snapshot" };
    if (l.sources !== null) {
      const [pack] = l.sources;
      if (pack === undefined) return { do: "stop", outcome: "what should come back is gone" };
      return { do: "read", pack };
    }
    const chunks = config.brings ?? l.missing;
    if (l.stored === "nothing") return putBulk("pack", packName(l), chunks);
    return putBulk("index", `${id}.${l.attempt}r`, rowsFor(chunks, packName(l)));
  }

  function answer(l: WriterLocal, reply: Reply): WriterLocal[] {
    const done = todo(l);
    if (reply.did === "read") {
      const missing = l.missing ?? "";
      const whole = reply.content !== null && minus(missing, reply.content) === "";
      return [{ ...l, sources: whole ? null : (l.sources ?? []).slice(1) }];
    }
    if (done.do === "put" && reply.did === "put" && !reply.known) {
      const { kind, name, content } = done;
      const flight = { kind, name, content };
      if (kind !== "snapshot") return again(l, flight);
      return [onward({ ...l, w: writerAfter(l.w, reply, rules), flight })];
    }
    if (done.do === "put" && done.kind === "pack") return [{ ...l, stored: "pack" }];
    if (done.do === "put" && done.kind === "index") return [onward({ ...l, stored: "all" })];
    if (reply.did === "list" && nextOfWriter(l.w, rules).do === "work") {
      return [
        onward({ ...l, parent: reply.found.some((f) => "name" in f && f.name === config.parent) }),
      ];
    }
    const listed = done.do === "list" && done.kind === "index" && reply.did === "list";
    const rows = listed ? rowsOf(reply.found) : l.rows;
    return [onward({ ...l, w: writerAfter(l.w, plain(reply), rules), rows })];
  }

  function restart(l: WriterLocal): WriterLocal[] {
    if (!config.crashes || l.acked.length > 0 || todo(l).do === "stop") return [];
    return again(l, l.flight ?? null);
  }
  function changes(l: WriterLocal): readonly Listing[] {
    if (todo(l).do === "stop" && restart(l).length === 0) return [];
    if (l.acked.length > 0 && !slips.sameClaim) return ["claim"];
    return ["claim", "pack", "index", "snapshot"];
  }
  const doubts = config.unknown ?? false;
  return { start: begin(0, null, []), todo, answer, restart, changes, doubts };
}
