/**
 * Compaction of index runs: one run in place of several.
 *
 * Invariants: the new run is durable before an old one goes; a row goes only when a read of its
 * pack finds nothing, for a pack is put before any run that names it and its name never comes back.
 */
import { type Action, type Answer, ofType, setOf, without } from "./records.ts";
import type { Rules } from "./rules.ts";

export interface Compact {
  readonly step: number;
  /** Old runs that are still to be removed. */
  readonly runs: readonly string[];
  /** Packs that the runs name, those listed, and those that a read did not find. */
  readonly named: readonly string[];
  readonly listed: readonly string[];
  readonly gone: readonly string[];
}

export const START_COMPACT: Compact = { step: 0, runs: [], named: [], listed: [], gone: [] };

/** Packs that no listing showed; they are gone if a read of each confirms it. */
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
      return { do: "read", pack: without(absent(c), c.gone)[0] ?? "" };
    case "merge":
      return { do: "work", work: "merge" };
    case "remove":
      return { do: "remove", kind: "index", name: c.runs[0] ?? "" };
    default:
      return { do: "stop", outcome: "compacted" };
  }
}

/** Leaves out steps that have nothing to act on. */
function enter(c: Compact, rules: Rules): Compact {
  const step = rules.compact[c.step];
  const idle =
    (step === "confirm" && without(absent(c), c.gone).length === 0) ||
    (step === "remove" && c.runs.length === 0);
  return idle ? enter({ ...c, step: c.step + 1 }, rules) : c;
}

/** `named`: with the answer that lists runs, the packs that they name. */
export function compactAfter(
  c: Compact,
  answer: Answer,
  named: readonly string[],
  rules: Rules,
): Compact {
  const on = { ...c, step: c.step + 1 };
  const found = answer.did === "list" ? answer.found : [];
  switch (rules.compact[c.step]) {
    case "index": {
      const runs = setOf(ofType(found, "run").map((r) => r.name));
      return enter({ ...on, runs, named: setOf(named) }, rules);
    }
    case "pack":
      return enter({ ...on, listed: setOf(ofType(found, "pack").map((p) => p.name)) }, rules);
    case "confirm": {
      const [pack = ""] = without(absent(c), c.gone);
      const gone = answer.did === "read" && answer.gone;
      return enter(
        gone ? { ...c, gone: setOf(c.gone, [pack]) } : { ...c, listed: setOf(c.listed, [pack]) },
        rules,
      );
    }
    case "merge":
      return enter({ ...on, named: [], listed: [], gone: [] }, rules);
    case "remove":
      return enter({ ...c, runs: c.runs.slice(1) }, rules);
    default:
      return c;
  }
}
