/** Compaction of index runs, and forgetting by retention or by name. */
import {
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
import type { Rules } from "../../src/repo/protocol/rules.ts";
import { type Actor, type Local, plain, putBulk, putting, rowsOf, type Slips } from "./actor.ts";

export interface CompactLocal extends Local {
  readonly c: Compact;
  readonly rows: readonly string[];
}

const packOf = (row: string) => row.slice(2);

export function compactActor(id: string, rules: Rules, slips: Slips): Actor<CompactLocal> {
  const rest = (l: CompactLocal) =>
    l.rows.filter((r) => !l.c.gone.includes(packOf(r))).join(",");
  /** A merge of nothing is no put. */
  const onward = (l: CompactLocal): CompactLocal =>
    nextOfCompact(l.c, rules).do === "work" && rest(l) === ""
      ? { rows: [], c: compactAfter(l.c, { did: "work", chosen: [] }, [], rules) }
      : l;
  return {
    start: { c: START_COMPACT, rows: [] },
    todo(l) {
      const action = nextOfCompact(l.c, rules);
      if (action.do === "work") return putBulk("index", `${id}r`, rest(l));
      return action.do === "put" ? putting(action.record) : action;
    },
    answer(l, reply) {
      const action = nextOfCompact(l.c, rules);
      const runs = action.do === "list" && action.kind === "index";
      const rows = runs && reply.did === "list" ? rowsOf(reply.found) : l.rows;
      const named = [...new Set(rows.map(packOf))];
      // The slip: a pack in a condemned list is taken for one that is gone.
      const told = plain(slips.dropCondemnedRows && reply.did === "read" ? { ...reply, content: null } : reply);
      const c = compactAfter(l.c, action.do === "work" ? { did: "work", chosen: [] } : told, named, rules);
      return [onward({ c, rows: action.do === "work" ? [] : rows })];
    },
    restart: () => [],
    changes: (l) => (nextOfCompact(l.c, rules).do === "stop" ? [] : ["index"]),
  };
}

export interface ForgetLocal extends Local {
  readonly f: Forget;
  readonly reason: readonly string[];
  readonly acked: readonly string[];
}

/** Retention may forget any snapshot because of any other that passed the test. */
export function retainActor(rules: Rules): Actor<ForgetLocal> {
  return {
    start: { f: START_FORGET, reason: [], acked: [] },
    todo({ f }) {
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
    changes: ({ f }) => (nextOfForget(f, rules).do === "stop" ? [] : ["tombstone"]),
  };
}

export interface NameLocal extends Local {
  readonly done: boolean;
}

/** A person forgets a snapshot by its name, whatever else there is. */
export function forgetActor(snapshot: string): Actor<NameLocal> {
  return {
    start: { done: false },
    todo: ({ done }) =>
      done ? { do: "stop", outcome: "forgotten" } : putting({ type: "tombstone", snapshot }),
    answer: () => [{ done: true }],
    restart: () => [],
    changes: ({ done }) => (done ? [] : ["tombstone"]),
  };
}
