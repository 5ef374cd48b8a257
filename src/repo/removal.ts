/**
 * The one place that deletes stored objects. The proof that a store asks for is made of an action
 * that a step of the protocol told its runner to do; or of nothing, for what is no such object.
 */
import { Failure } from "../base/failure.ts";
import type { DeletionProof, Store } from "../store/store.ts";
import { isProbe } from "./layout.ts";
import type { Action, Claim, End } from "./protocol/records.ts";
import type { Discard } from "./protocol/remnant.ts";

export type Removal =
  | Extract<Action, { do: "remove" }>
  | { readonly do: "retire"; readonly record: Claim | End }
  | Discard
  /** Only of what was put to try a store, and is no object of a repository. */
  | { readonly do: "leave" };

/** A proof says only that a step asked: there is nothing in it to forge or to read. */
function prove(_: Removal): DeletionProof {
  return Object.freeze({}) as DeletionProof;
}

/** Takes away the object at this path; resolves when it is durably gone, whoever took it. */
export async function removeObject(store: Store, removal: Removal, path: string): Promise<void> {
  if (removal.do === "leave" && !isProbe(path)) throw new Failure("internal", `${path}: no probe`);
  await store.remove(path, prove(removal));
}
