/**
 * Compaction of index runs: one run in place of several.
 *
 * Invariants: the new run is durable before an old one goes; a row is dropped only when a read of its
 * pack finds nothing, for a pack is put before any run that names it and its name never comes back.
 */
import { type Action, type Answer, ofType, setOf, without } from "./records.ts";
import type { Rules } from "./rules.ts";

export interface Compact {
  readonly step: number;
  readonly cursor: number;
  readonly runs: readonly string[];
  /** Packs that the runs name; of these, at last, those that are gone. */
  readonly named: readonly string[];
  readonly listed: readonly string[];
}

export const START_COMPACT: Compact = { step: 0, cursor: 0, runs: [], named: [], listed: [] };

/** Packs that no listing showed, and that are gone if a read confirms it. */
export function absent(c: Compact): string[] {
  return without(c.named, c.listed);
}

export function nextOfCompact(c: Compact, rules: Rules): Action {
  switch (rules.compact[c.step]) {
    case "index":
      return { do: "list", kind: "index" };
    case "pack":
      return { do: "list", kind: "pack" };
    case "confirm":
      return { do: "read", pack: absent(c)[c.cursor] ?? "" };
    case "merge":
      return { do: "work", work: "merge" };
    case "remove":
      return { do: "remove", kind: "index", name: c.runs[c.cursor] ?? "" };
    default:
      return { do: "stop", outcome: "compacted" };
  }
}

/** Leaves out steps that have nothing to act on. */
function settle(c: Compact, rules: Rules): Compact {
  let now = c;
  for (;;) {
    const step = rules.compact[now.step];
    const work = step === "confirm" ? absent(now) : step === "remove" ? now.runs : undefined;
    if (work === undefined || now.cursor < work.length) return now;
    now = { ...now, step: now.step + 1, cursor: 0 };
  }
}

/** `named`: with the answer that lists runs, the packs that they name. */
export function compactAfter(
  c: Compact,
  answer: Answer,
  named: readonly string[],
  rules: Rules,
): Compact {
  const on = { ...c, step: c.step + 1, cursor: 0 };
  const found = answer.did === "list" ? answer.found : [];
  switch (rules.compact[c.step]) {
    case "index": {
      const runs = setOf(ofType(found, "run").map((r) => r.name));
      return settle({ ...on, runs, named: setOf(named) }, rules);
    }
    case "pack":
      return settle({ ...on, listed: setOf(ofType(found, "pack").map((p) => p.name)) }, rules);
    case "confirm": {
      if (answer.did === "read" && answer.gone)
        return settle({ ...c, cursor: c.cursor + 1 }, rules);
      return settle({ ...c, listed: setOf(c.listed, [absent(c)[c.cursor] ?? ""]) }, rules);
    }
    case "merge":
      return settle({ ...on, named: [], listed: [] }, rules);
    case "remove":
      return settle({ ...c, cursor: c.cursor + 1 }, rules);
    default:
      return c;
  }
}
