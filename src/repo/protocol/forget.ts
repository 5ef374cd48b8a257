/**
 * Forgetting because other snapshots exist: retention, and everything else that acts on their word.
 *
 * Commit point: the put of a tombstone. A snapshot counts as a reason only after the writer's own
 * test: it was seen, and then no fence on its claim. What a person names needs no such reason.
 */
import { type Action, type Answer, type Kept, ofType } from "./records.ts";
import type { Rules } from "./rules.ts";

export interface Forget {
  readonly step: number;
  readonly seen: readonly Kept[];
  /** Snapshots that passed the test. */
  readonly tested: readonly string[];
  /** What is to be forgotten. */
  readonly chosen: readonly string[];
}

export const START_FORGET: Forget = { step: 0, seen: [], tested: [], chosen: [] };

export function nextOfForget(f: Forget, rules: Rules): Action {
  const step = rules.forget[f.step];
  switch (step) {
    case "snapshots":
      return { do: "list", kind: "snapshot" };
    case "fences":
      return { do: "list", kind: "fence" };
    case "choose":
      return { do: "work", work: "choose" };
    case "tombstone": {
      const [snapshot] = f.chosen;
      if (snapshot === undefined) return { do: "stop", outcome: "forgotten" };
      return { do: "put", record: { type: "tombstone", snapshot } };
    }
    default:
      return { do: "stop", outcome: "forgotten" };
  }
}

export function forgetAfter(f: Forget, answer: Answer, rules: Rules): Forget {
  const on = { ...f, step: f.step + 1 };
  switch (rules.forget[f.step]) {
    case "snapshots":
      return answer.did === "list" ? { ...on, seen: ofType(answer.found, "snapshot") } : f;
    case "fences": {
      if (answer.did !== "list") return f;
      const passed = f.seen.filter((s) => rules.tested(s, answer.found));
      return { ...on, tested: passed.map((s) => s.name) };
    }
    case "choose":
      return answer.did === "work" ? { ...on, seen: [], chosen: answer.chosen } : f;
    default:
      return { ...f, chosen: f.chosen.slice(1) };
  }
}
