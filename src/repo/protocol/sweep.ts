/**
 * The sweep of one condemned list, by anyone, any number of times, at any later time.
 *
 * Invariants: no writer that might still rely on the list's packs is unsettled when snapshots are
 * counted; what a counted snapshot needs is in a pack that is listed, indexed and in no condemned
 * list before the pack that held it goes. Deletes run in reverse: snapshots, packs, then the list.
 */
import {
  type Action,
  type Answer,
  type Condemned,
  type Kept,
  ofType,
  setOf,
  without,
} from "./records.ts";
import type { Rules } from "./rules.ts";

export interface Sweep {
  readonly step: number;
  /** What a step that acts once per object has still to do, in no order that matters. */
  readonly left: readonly string[];
  readonly sweep: string;
  readonly list: Condemned;
  /** Claims put before this sweep began that have neither ended nor a fence. */
  readonly open: readonly string[];
  /** Of these: those whose snapshot the look found, and sweeps with an intent on each claim. */
  readonly found: readonly string[];
  readonly condemned: readonly string[];
  readonly packs: readonly string[];
  readonly seen: readonly Kept[];
  /** Snapshots that should have been seen; only then are tombstones listed. */
  readonly absent: readonly string[];
  readonly counted: readonly string[];
  readonly outcome: "working" | "swept" | "swept by another" | "snapshots missing" | "lost";
}

export function startSweep(sweep: string, list: Condemned): Sweep {
  const view = { open: [], found: [], condemned: [], packs: [], seen: [], absent: [], counted: [] };
  return { step: 0, left: [], sweep, list, ...view, outcome: "working" };
}

/** The objects a step acts on, one after the other; undefined for a step that acts once. */
function each(s: Sweep, rules: Rules): readonly string[] | undefined {
  switch (rules.sweep[s.step]) {
    case "intend":
    case "settle":
      return s.open;
    case "look":
      return s.open.length === 0 ? [] : undefined;
    case "tombstones":
      return s.absent.length === 0 ? [] : undefined;
    case "contents":
    case "remove":
      return s.list.packs;
    case "unlink":
      return s.list.tombstones;
    default:
      return undefined;
  }
}

/** Enters the step, or the next that has something to act on. */
function enter(s: Sweep, rules: Rules): Sweep {
  let now = s;
  for (let work = each(now, rules); work?.length === 0; work = each(now, rules)) {
    now = { ...now, step: now.step + 1 };
  }
  return { ...now, left: each(now, rules) ?? [] };
}

const LISTS: Partial<Record<Rules["sweep"][number], Extract<Action, { do: "list" }>["kind"]>> = {
  claims: "claim",
  fences: "fence",
  look: "snapshot",
  condemned: "condemned",
  pack: "pack",
  snapshots: "snapshot",
  finals: "fence",
  tombstones: "tombstone",
  index: "index",
};

export function nextOfSweep(s: Sweep, rules: Rules): Action {
  if (s.outcome !== "working") return { do: "stop", outcome: s.outcome };
  const step = rules.sweep[s.step];
  if (step === undefined) return { do: "stop", outcome: "swept" };
  const kind = LISTS[step];
  if (kind !== undefined) return { do: "list", kind };
  const [item = ""] = s.left;
  const { sweep } = s;
  switch (step) {
    case "intend":
      return { do: "put", record: { type: "intent", claim: item, sweep } };
    case "settle":
      if (!s.found.includes(item)) return { do: "put", record: { type: "fence", claim: item } };
      return { do: "put", record: { type: "withdrawn", claim: item, sweep } };
    case "contents":
      return { do: "read", pack: item };
    case "unlink":
      return { do: "remove", kind: "snapshot", name: item };
    case "remove":
      return { do: "remove", kind: "pack", name: item };
    case "release":
      return { do: "remove", kind: "condemned", name: s.list.name };
    default:
      return { do: "work", work: "copy" };
  }
}

export function sweepAfter(s: Sweep, answer: Answer, rules: Rules): Sweep {
  if (answer.did === "put" && !answer.known) return s;
  if (s.left.length > 1) return { ...s, left: s.left.slice(1) };
  const on = { ...s, step: s.step + 1, left: [] };
  const step = rules.sweep[s.step];
  return enter(answer.did === "list" ? learn(on, step, answer.found, rules) : on, rules);
}

function learn(
  s: Sweep,
  step: Rules["sweep"][number] | undefined,
  found: Extract<Answer, { did: "list" }>["found"],
  rules: Rules,
): Sweep {
  switch (step) {
    case "claims": {
      const ended = ofType(found, "end").map((e) => e.claim);
      const open = ofType(found, "claim").map((c) => c.claim);
      return { ...s, open: setOf(open.filter((c) => !ended.includes(c))) };
    }
    case "fences": {
      const finals = ofType(found, "fence").map((f) => f.claim);
      return { ...s, open: s.open.filter((c) => !finals.includes(c)) };
    }
    case "look": {
      const claims = ofType(found, "snapshot").map((r) => r.claim);
      return { ...s, found: s.open.filter((c) => claims.includes(c)) };
    }
    case "condemned": {
      const lists = ofType(found, "condemned");
      const done = !lists.some((k) => k.name === s.list.name);
      const condemned = setOf(...lists.map((k) => k.packs));
      return { ...s, condemned, open: [], found: [], ...(done && { outcome: "swept by another" }) };
    }
    case "pack":
      return { ...s, packs: setOf(ofType(found, "pack").map((p) => p.name)) };
    case "snapshots": {
      const more = ofType(found, "snapshot").filter((r) => !s.seen.some((o) => o.name === r.name));
      const seen = [...s.seen, ...more];
      return { ...s, seen: seen.sort((a, b) => (a.name < b.name ? -1 : 1)) };
    }
    case "finals": {
      const names = s.seen.map((r) => r.name);
      const worthless = s.seen.filter((r) => rules.ignored(r, found)).map((r) => r.name);
      const counted = setOf(without(names, [...worthless, ...s.list.tombstones]));
      const absent = setOf(without(rules.expected(s.list.marked, s.seen), names));
      return { ...s, seen: [], absent, counted: setOf(rules.counted(counted, s.list.marked)) };
    }
    case "tombstones": {
      const forgotten = ofType(found, "tombstone").map((t) => t.snapshot);
      const missing = without(s.absent, forgotten).length > 0;
      return { ...s, absent: [], ...(missing && { outcome: "snapshots missing" }) };
    }
    case "index":
      return { ...s, condemned: [], packs: [], counted: [] };
    default:
      return s;
  }
}

/** Whether a copy in this pack is enough to let a condemned one go. */
export function sweepTrusts(s: Sweep, pack: string, rules: Rules): boolean {
  return rules.keeps(s, pack, s.list.packs);
}
