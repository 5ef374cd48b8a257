/** What keeps house: compaction, retired claims, late runs, forgetting by retention or by name. */
import {
  absent,
  type Compact,
  compactAfter,
  nextOfCompact,
  START_COMPACT,
} from "../../src/repo/protocol/compact.ts";
import {
  type Forget,
  forgetAfter,
  nextOfForget,
  START_FORGET,
} from "../../src/repo/protocol/forget.ts";
import {
  nextOfRetire,
  type Retire,
  retireAfter,
  START_RETIRE,
} from "../../src/repo/protocol/retire.ts";
import type { Rules } from "../../src/repo/protocol/rules.ts";
import {
  type Actor,
  ahead,
  type Local,
  made,
  plain,
  putBulk,
  putting,
  removing,
  rowsOf,
} from "./actor.ts";

export interface CompactLocal extends Local {
  readonly c: Compact;
  readonly rows: readonly string[];
}

const packOf = (row: string) => row.slice(2);

export function compactActor(id: string, rules: Rules): Actor<CompactLocal> {
  const rest = (l: CompactLocal) => {
    const gone = absent(l.c);
    return l.rows.filter((r) => !gone.includes(packOf(r))).join(",");
  };
  const merged = { did: "work", chosen: [] } as const;
  /** A merge of nothing is no put. */
  const onward = (l: CompactLocal): CompactLocal =>
    nextOfCompact(l.c, rules).do === "work" && rest(l) === ""
      ? { rows: [], c: compactAfter(l.c, merged, [], rules) }
      : l;
  return {
    start: { c: START_COMPACT, rows: [] },
    move(l) {
      const action = nextOfCompact(l.c, rules);
      if (action.do === "work") return putBulk("index", `${id}r`, rest(l));
      return action.do === "put" ? putting(action.record) : action;
    },
    answer(l, reply) {
      const action = nextOfCompact(l.c, rules);
      if (action.do === "work") return [{ rows: [], c: compactAfter(l.c, merged, [], rules) }];
      const runs = action.do === "list" && action.kind === "index";
      const rows = runs && reply.did === "list" ? rowsOf(reply.found) : l.rows;
      return [onward({ rows, c: compactAfter(l.c, plain(reply), rows.map(packOf), rules) })];
    },
    restart: () => [],
    ahead: ahead([made({ type: "run", name: `${id}r` })], (l) =>
      nextOfCompact(l.c, rules).do === "stop"
        ? { alters: [], heeds: [] }
        : { alters: ["index"], heeds: ["index", "pack"] },
    ),
  };
}

export interface ForgetLocal extends Local {
  readonly f: Forget;
  readonly reason: readonly string[];
  readonly acked: readonly string[];
}

/** Retention may forget any snapshot because of any other that passed the test. */
export function retainActor(rules: Rules, names: readonly string[]): Actor<ForgetLocal> {
  return {
    start: { f: START_FORGET, reason: [], acked: [] },
    move({ f }) {
      const action = nextOfForget(f, rules);
      if (action.do === "put") return putting(action.record);
      return action.do === "work" ? { do: "stop", outcome: "nothing to forget" } : action;
    },
    answer(l, reply) {
      const f = forgetAfter(l.f, plain(reply), rules);
      if (reply.did === "put") return [{ f, reason: [], acked: [...l.acked, ...l.reason] }];
      if (nextOfForget(f, rules).do !== "work") return [{ ...l, f }];
      const pairs = f.tested.flatMap((why) =>
        f.seen.filter((s) => s.name !== why).map((s) => [s.name, why] as const),
      );
      return pairs.map(([what, why]) => ({
        ...l,
        f: forgetAfter({ ...f, tested: [] }, { did: "work", chosen: [what] }, rules),
        reason: [why],
      }));
    },
    restart: () => [],
    ahead: ahead(
      names.map((snapshot) => made({ type: "tombstone", snapshot })),
      ({ f }) =>
        nextOfForget(f, rules).do === "stop"
          ? { alters: [], heeds: [] }
          : { alters: ["tombstone"], heeds: ["snapshot", "fence"] },
    ),
  };
}

export interface NameLocal extends Local {
  readonly done: boolean;
}

export interface RetireLocal extends Local {
  readonly r: Retire;
}

export function retireActor(): Actor<RetireLocal> {
  return {
    start: { r: START_RETIRE },
    move({ r }) {
      const action = nextOfRetire(r);
      return action.do === "retire" ? removing(action.record) : action;
    },
    answer: ({ r }, reply) => [{ r: retireAfter(r, plain(reply)) }],
    restart: () => [],
    ahead: ahead([], ({ r }) =>
      nextOfRetire(r).do === "stop"
        ? { alters: [], heeds: [] }
        : { alters: ["claim"], heeds: ["claim"] },
    ),
  };
}

/** A writer that slept long: its claim was fenced, and it still puts the run of its pack p1. */
export function lateActor(rows: string): Actor<NameLocal> {
  return {
    start: { done: false },
    move: ({ done }) => (done ? { do: "stop", outcome: "late" } : putBulk("index", "r1", rows)),
    answer: () => [{ done: true }],
    restart: () => [],
    ahead: ahead([made({ type: "run", name: "r1" })], ({ done }) => ({
      alters: done ? [] : ["index"],
      heeds: [],
    })),
  };
}

/** A person forgets a snapshot by its name, whatever else there is. */
export function forgetActor(snapshot: string): Actor<NameLocal> {
  return {
    start: { done: false },
    move: ({ done }) =>
      done ? { do: "stop", outcome: "forgotten" } : putting({ type: "tombstone", snapshot }),
    answer: () => [{ done: true }],
    restart: () => [],
    ahead: ahead([made({ type: "tombstone", snapshot })], ({ done }) => ({
      alters: done ? [] : ["tombstone"],
      heeds: [],
    })),
  };
}
