/**
 * What killed puts left behind: temporary names that no listing of objects shows.
 *
 * Invariant: a remnant goes only when nothing that still counts can be waiting for it. Whoever puts
 * packs, runs or a snapshot has put its claim before, or sweeps a list that is there; so what was
 * seen before claims and lists were listed, and belongs to none of them, is left over.
 */
import { type Answer, ofType } from "./records.ts";

export interface Remnant {
  readonly name: string;
  /** The claim, or the list whose sweep it was; empty where nobody said. */
  readonly claim: string;
}

/** The removal of one remnant. */
export interface Discard {
  readonly do: "discard";
  readonly name: string;
}

/**
 * `claims` and `fences` were listed after the remnants were seen; `lists` are the ids of condemned
 * lists listed after that.
 */
export function discards(
  remnants: readonly Remnant[],
  claims: Extract<Answer, { did: "list" }>,
  fences: Extract<Answer, { did: "list" }>,
  lists: readonly string[],
): Discard[] {
  const over = new Set([
    ...ofType(claims.found, "end").map((e) => e.claim),
    ...ofType(fences.found, "fence").map((f) => f.claim),
  ]);
  const open = ofType(claims.found, "claim")
    .map((c) => c.claim)
    .filter((claim) => !over.has(claim));
  const waiting = new Set([...open, ...lists]);
  return remnants
    .filter(({ claim }) => claim !== "" && !waiting.has(claim))
    .map(({ name }) => ({ do: "discard", name }));
}
