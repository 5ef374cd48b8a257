/**
 * Retiring claims that have ended, so that listings of claims do not grow for ever.
 *
 * Invariant: the claim goes before its end. A sweep whose listing shows the one and no longer the
 * other takes the claim for open, and finds its snapshot or fences what is over anyway.
 */
import { type Action, type Answer, type Claim, type End, ofType } from "./records.ts";

export interface Retire {
  readonly listed: boolean;
  /** Ended claims that are still to go; of the first, the claim itself may be gone already. */
  readonly ended: readonly string[];
  readonly claimGone: boolean;
}

export const START_RETIRE: Retire = { listed: false, ended: [], claimGone: false };

/** `retire` removes the objects that hold this record. */
type RetireAction =
  | Extract<Action, { do: "list" | "stop" }>
  | { readonly do: "retire"; readonly record: Claim | End };

export function nextOfRetire(r: Retire): RetireAction {
  if (!r.listed) return { do: "list", kind: "claim" };
  const [claim] = r.ended;
  if (claim === undefined) return { do: "stop", outcome: "retired" };
  return { do: "retire", record: { type: r.claimGone ? "end" : "claim", claim } };
}

export function retireAfter(r: Retire, answer: Answer): Retire {
  if (answer.did === "list") {
    return {
      ...r,
      listed: true,
      ended: ofType(answer.found, "end")
        .map((e) => e.claim)
        .sort(),
    };
  }
  if (!r.claimGone) return { ...r, claimGone: true };
  return { ...r, ended: r.ended.slice(1), claimGone: false };
}
