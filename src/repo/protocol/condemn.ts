/**
 * Condemning: the first half of a prune. Deletes nothing.
 *
 * Commit point: the put of the list. Its choice of packs is policy and never safety: what
 * turns out to be needed is copied out before anything is removed.
 */
import { type Action, type Answer, ofType, setOf, without } from "./records.ts";

export const CONDEMN_STEPS = [
  "condemned",
  "tombstone",
  "snapshot",
  "pack",
  "choose",
  "put",
] as const;

export interface Condemn {
  readonly step: number;
  readonly name: string;
  /** Already in a list. */
  readonly condemned: readonly string[];
  readonly forgotten: readonly string[];
  readonly marked: readonly string[];
  /** Packs that may be chosen, then those chosen. */
  readonly packs: readonly string[];
}

export function startCondemn(name: string): Condemn {
  return { step: 0, name, condemned: [], forgotten: [], marked: [], packs: [] };
}

export function nextOfCondemn(c: Condemn): Action {
  const step = CONDEMN_STEPS[c.step];
  if (step === "choose") return { do: "work", work: "choose" };
  if (step === "put") {
    if (c.packs.length === 0 && c.forgotten.length === 0) {
      return { do: "stop", outcome: "nothing to condemn" };
    }
    const { name, packs, marked, forgotten: tombstones } = c;
    return { do: "put", record: { type: "condemned", name, packs, marked, tombstones } };
  }
  if (step === undefined) return { do: "stop", outcome: "condemned" };
  return { do: "list", kind: step };
}

export function condemnAfter(c: Condemn, answer: Answer): Condemn {
  const on = { ...c, step: c.step + 1 };
  if (answer.did === "work") return { ...on, packs: setOf(answer.chosen) };
  if (answer.did !== "list") return on;
  const { found } = answer;
  switch (CONDEMN_STEPS[c.step]) {
    case "condemned":
      return { ...on, condemned: setOf(...ofType(found, "condemned").map((k) => k.packs)) };
    case "tombstone":
      return { ...on, forgotten: setOf(ofType(found, "tombstone").map((t) => t.snapshot)) };
    case "snapshot": {
      const seen = ofType(found, "snapshot").map((s) => s.name);
      return {
        ...on,
        marked: setOf(without(seen, c.forgotten)),
        forgotten: setOf(c.forgotten.filter((s) => seen.includes(s))),
      };
    }
    case "pack": {
      const packs = ofType(found, "pack").map((p) => p.name);
      return { ...on, packs: setOf(without(packs, c.condemned)), condemned: [] };
    }
    default:
      return on;
  }
}
