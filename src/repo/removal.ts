/**
 * The one place that deletes stored objects. The proof that a store asks for is made of an action
 * that a step of the protocol told its runner to do, and of nothing else.
 */
import type { DeletionProof, Store } from "../store/store.ts";
import type { Action, Claim, End } from "./protocol/records.ts";
import type { Discard } from "./protocol/remnant.ts";

export type Removal =
  | Extract<Action, { do: "remove" }>
  | { readonly do: "retire"; readonly record: Claim | End }
  | Discard;

/** A proof says only that a step asked: there is nothing in it to forge or to read. */
function prove(_: Removal): DeletionProof {
  return Object.freeze({}) as DeletionProof;
}

/** Takes away the object at this path; resolves when it is durably gone, whoever took it. */
export async function removeObject(store: Store, removal: Removal, path: string): Promise<void> {
  await store.remove(path, prove(removal));
}
