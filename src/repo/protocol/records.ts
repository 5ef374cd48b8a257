/**
 * The records of the deletion protocol as values, and what a step asks its runner to do.
 *
 * Names and ids are opaque texts, and no name is ever used twice. Nothing here touches a store, a
 * clock or randomness: new ids come in with the state.
 */

/** A writer's registration; one snapshot at most is ever put under it. */
export interface Claim {
  readonly type: "claim";
  readonly claim: string;
}

/** The claim's writer will put no snapshot any more. */
export interface End {
  readonly type: "end";
  readonly claim: string;
}

/** A sweep is about to look whether the claim has a snapshot. */
export interface Intent {
  readonly type: "intent";
  readonly claim: string;
  readonly sweep: string;
}

/** The sweep found the claim's snapshot and takes its own intent back. */
export interface Withdrawn {
  readonly type: "withdrawn";
  readonly claim: string;
  readonly sweep: string;
}

/** No snapshot of this claim is or will be acknowledged. */
export interface Fence {
  readonly type: "fence";
  readonly claim: string;
}

/** Packs that nobody may begin to rely on, for ever. */
export interface Condemned {
  readonly type: "condemned";
  readonly name: string;
  readonly packs: readonly string[];
  /** Snapshots that were there and counted. */
  readonly marked: readonly string[];
  /** Snapshots that were forgotten, and do not count in the sweep of this list. */
  readonly tombstones: readonly string[];
}

export interface Tombstone {
  readonly type: "tombstone";
  readonly snapshot: string;
}

/** What the protocol needs to know of a snapshot. */
export interface Kept {
  readonly type: "snapshot";
  readonly name: string;
  readonly claim: string;
  /** Snapshots its writer saw last. */
  readonly heads: readonly string[];
}

/** Packs and index runs as a listing shows them. */
export interface Pack {
  readonly type: "pack";
  readonly name: string;
}

export interface Run {
  readonly type: "run";
  readonly name: string;
}

export type Written = Claim | End | Intent | Withdrawn | Fence | Condemned | Tombstone | Kept;
export type Stored = Written | Pack | Run;

/** What is listed together: claims with ends; intents with withdrawals and fences. */
export type Listing = "claim" | "fence" | "condemned" | "tombstone" | "pack" | "index" | "snapshot";

export type Action =
  | { readonly do: "put"; readonly record: Written }
  | { readonly do: "list"; readonly kind: Listing }
  | { readonly do: "remove"; readonly kind: Listing; readonly name: string }
  /** Read a pack's own contents, or learn that it is gone. */
  | { readonly do: "read"; readonly pack: string }
  /** Bulk work that the step leaves to its runner: packs first, then the runs that name them. */
  | { readonly do: "work"; readonly work: "upload" | "copy" | "merge" | "choose" }
  | { readonly do: "stop"; readonly outcome: string };

export type Answer =
  /** `known` is false when the store never said whether the object is there. */
  | { readonly did: "put"; readonly known: boolean }
  | { readonly did: "list"; readonly found: readonly Stored[] }
  | { readonly did: "remove" }
  | { readonly did: "read"; readonly gone: boolean }
  | { readonly did: "work"; readonly chosen: readonly string[] };

export function ofType<T extends Stored["type"]>(
  found: readonly Stored[],
  type: T,
): Extract<Stored, { type: T }>[] {
  return found.filter((r): r is Extract<Stored, { type: T }> => r.type === type);
}

/** A set as a value: sorted, each once. */
export function setOf(...parts: (readonly string[])[]): string[] {
  return [...new Set(parts.flat())].sort();
}

export function without(set: readonly string[], drop: readonly string[]): string[] {
  const gone = new Set(drop);
  return set.filter((x) => !gone.has(x));
}
