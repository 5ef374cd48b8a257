/**
 * A writer: backup, resumption, undelete and sync alike.
 *
 * Commit point: the snapshot was put and its claim then seen without a fence. Until then nothing is
 * acknowledged; a fenced writer starts again at once with a new claim, and lists everything again.
 */
import { type Action, type Answer, ofType, setOf } from "./records.ts";
import type { Rules } from "./rules.ts";

export interface Writer {
  readonly step: number;
  readonly claim: string;
  readonly snapshot: string;
  readonly heads: readonly string[];
  readonly condemned: readonly string[];
  readonly packs: readonly string[];
  /** The snapshot's put has been answered. */
  readonly put: "no" | "known" | "unknown";
  readonly outcome: "working" | "acknowledged" | "fenced" | "unknown";
}

/** Both ids must be new: one snapshot per claim, one claim per attempt. */
export function startWriter(claim: string, snapshot: string, heads: readonly string[]): Writer {
  const view = { condemned: [], packs: [] };
  return { step: 0, claim, snapshot, heads, ...view, put: "no", outcome: "working" };
}

export function nextOfWriter(w: Writer, rules: Rules): Action {
  if (w.outcome === "fenced" || w.outcome === "unknown") return { do: "stop", outcome: w.outcome };
  if (w.put === "unknown") return { do: "list", kind: "snapshot" };
  const step = rules.writer[w.step];
  switch (step) {
    case "claim":
      return { do: "put", record: { type: "claim", claim: w.claim } };
    case "condemned":
      return { do: "list", kind: "condemned" };
    case "pack":
      return { do: "list", kind: "pack" };
    case "index":
      return { do: "list", kind: "index" };
    case "upload":
      return { do: "work", work: "upload" };
    case "snapshot": {
      const { snapshot: name, claim, heads } = w;
      return { do: "put", record: { type: "snapshot", name, claim, heads } };
    }
    case "test":
      return { do: "list", kind: "fence" };
    case "end":
      return { do: "put", record: { type: "end", claim: w.claim } };
    default:
      return { do: "stop", outcome: w.outcome };
  }
}

export function writerAfter(w: Writer, answer: Answer, rules: Rules): Writer {
  if (w.put === "unknown") return afterDoubt(w, answer, rules);
  const on = { ...w, step: w.step + 1 };
  switch (rules.writer[w.step]) {
    case "condemned":
      if (answer.did !== "list") return w;
      return { ...on, condemned: setOf(...ofType(answer.found, "condemned").map((k) => k.packs)) };
    case "pack":
      if (answer.did !== "list") return w;
      return { ...on, packs: setOf(ofType(answer.found, "pack").map((p) => p.name)) };
    case "upload":
      return { ...on, condemned: [], packs: [] };
    case "snapshot":
      if (answer.did !== "put") return w;
      return answer.known ? { ...on, put: "known" } : { ...w, put: "unknown" };
    case "test":
      if (answer.did !== "list") return w;
      return {
        ...on,
        outcome: rules.fenced(w.claim, answer.found) ? "fenced" : "acknowledged",
      };
    default:
      return on;
  }
}

/** A snapshot that is seen was put; one that is not seen may still come. */
function afterDoubt(w: Writer, answer: Answer, rules: Rules): Writer {
  if (answer.did !== "list") return w;
  if (ofType(answer.found, "snapshot").some((s) => s.name === w.snapshot)) {
    return { ...w, step: w.step + 1, put: "known" };
  }
  if (rules.doubtful() === "stop") return { ...w, outcome: "unknown" };
  return { ...w, step: rules.writer.indexOf("end"), put: "known" };
}
