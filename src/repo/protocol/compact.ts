/**
 * Compaction of index runs: one run in place of several.
 *
 * Invariants: the new run is durable before an old one goes; a row is dropped only when its pack was
 * not in a listing begun after the runs were listed and a read of it finds nothing.
 */
import { type Action, type Answer, ofType, setOf, without } from "./records.ts";
import type { Rules } from "./rules.ts";

export interface Compact {
  readonly step: number;
  readonly cursor: number;
  readonly runs: readonly string[];
  /** Packs not listed; once confirmed, packs that are gone. */
  readonly gone: readonly string[];
}

export const START_COMPACT: Compact = { step: 0, cursor: 0, runs: [], gone: [] };

export function nextOfCompact(c: Compact, rules: Rules): Action {
  const step = rules.compact[c.step];
  switch (step) {
    case "index":
      return { do: "list", kind: "index" };
    case "pack":
      return { do: "list", kind: "pack" };
    case "confirm":
      return { do: "read", pack: c.gone[c.cursor] ?? "" };
    case "merge":
      return { do: "work", work: "merge" };
    case "remove":
      return { do: "remove", kind: "index", name: c.runs[c.cursor] ?? "" };
    default:
      return { do: "stop", outcome: "compacted" };
  }
}

function settle(c: Compact, rules: Rules): Compact {
  let now = c;
  for (;;) {
    const step = rules.compact[now.step];
    const work = step === "confirm" ? now.gone : step === "remove" ? now.runs : undefined;
    if (work === undefined || now.cursor < work.length) return now;
    now = { ...now, step: now.step + 1, cursor: 0 };
  }
}

/** `named` are the packs that the listed runs name. */
export function compactAfter(
  c: Compact,
  answer: Answer,
  named: readonly string[],
  rules: Rules,
): Compact {
  const on = { ...c, step: c.step + 1, cursor: 0 };
  switch (rules.compact[c.step]) {
    case "index":
      if (answer.did !== "list") return c;
      return settle({ ...on, runs: setOf(ofType(answer.found, "run").map((r) => r.name)) }, rules);
    case "pack": {
      if (answer.did !== "list") return c;
      const listed = ofType(answer.found, "pack").map((p) => p.name);
      return settle({ ...on, gone: setOf(without(named, listed)) }, rules);
    }
    case "confirm": {
      const pack = c.gone[c.cursor] ?? "";
      if (answer.did === "read" && answer.gone) return settle({ ...c, cursor: c.cursor + 1 }, rules);
      return settle({ ...c, gone: without(c.gone, [pack]) }, rules);
    }
    case "remove":
      return settle({ ...c, cursor: c.cursor + 1 }, rules);
    default:
      return settle(on, rules);
  }
}
