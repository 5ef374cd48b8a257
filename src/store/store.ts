/**
 * A place that keeps immutable named objects and understands none of them.
 *
 * Every implementation promises, and `test/contract/store.ts` checks:
 * - `put` returns only when the object is durable, and never replaces an existing name;
 * - an object is seen whole or not at all, by `get` and by `list`, also after a crash;
 * - `get` and `list` see every object whose `put` has returned;
 * - nothing but `remove` ever takes an object away;
 * - a `remove` returns when the object is durably gone, also when it was gone before.
 */

/** Proof that an object survived its put; a snapshot can be built from nothing less. */
export type DurableToken = { readonly durable: string };

/** Made only by the deletion protocol. */
declare const deletion: unique symbol;
export type DeletionProof = { readonly [deletion]: true };

export interface Range {
  readonly offset: number;
  readonly length: number;
}

export interface Listed {
  readonly name: string;
  readonly length: number;
}

/** What a killed put left: no object, and shown by no listing. */
export interface Remnant {
  readonly name: string;
  /** The claim that it was made under, in hexadecimal; empty where none was given. */
  readonly claim: string;
}

export interface Store extends AsyncDisposable {
  /** For messages: a path or URL without secrets. */
  readonly description: string;
  /** What a killed put leaves behind names the claim (in hexadecimal) that it was made under. */
  put(name: string, bytes: Uint8Array, signal?: AbortSignal, claim?: string): Promise<DurableToken>;
  /**
   * The whole object, or exactly the range; fails with `object_missing`, or `damaged` when shorter.
   */
  get(name: string, range?: Range, signal?: AbortSignal): Promise<Buffer>;
  /** Every object below a folder name that ends in a slash, in no order. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<Listed>;
  remove(name: string, proof: DeletionProof): Promise<void>;
  /** What killed puts left below a folder name; `remove` takes it. Absent where nothing is left. */
  remnants?(prefix: string): AsyncIterable<Remnant>;
  /** A folder that the native core may read packs from; null where there is none. */
  readonly folder: string | null;
}
