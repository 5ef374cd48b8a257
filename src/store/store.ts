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

import type { Body } from "../base/body.ts";

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

/** Keeps objects from being removed, by anybody, for a time. */
export interface Retention {
  /** Milliseconds that an object stays locked after its put, or after being extended. */
  readonly promised: number;
  /** Locks objects again as if they were put now; until when, in milliseconds since 1970. */
  extend(names: readonly string[], signal?: AbortSignal): Promise<number>;
}

/** What a remote store was found to do. Safety depends on none of it. */
export interface Capabilities {
  /** A put can be told not to replace. */
  readonly conditions: boolean;
  /** A put whose bytes do not match their checksum is refused. */
  readonly checksums: boolean;
  /** What is removed or replaced stays as an older version. */
  readonly versioning: boolean;
  /** Objects can be locked against removal. */
  readonly locks: boolean;
  /** Milliseconds that its clock is ahead of this machine's; to about a second. */
  readonly skew: number;
}

export interface Store extends AsyncDisposable {
  /** For messages: a path or URL without secrets. */
  readonly description: string;
  /**
   * The bytes may have to be read piece by piece: a put takes memory for a few pieces, no more.
   * What a killed put leaves behind names the claim (in hexadecimal) that it was made under. A
   * lasting object is locked where the store locks.
   */
  put(
    name: string,
    bytes: Body,
    signal?: AbortSignal,
    claim?: string,
    lasting?: boolean,
  ): Promise<DurableToken>;
  /**
   * The whole object, or exactly the range; fails with `object_missing`, or `damaged` when shorter.
   */
  get(name: string, range?: Range, signal?: AbortSignal): Promise<Buffer>;
  /** Every object below a folder name that ends in a slash, in no order. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<Listed>;
  /** Fails with `retained` while a lock holds the object. */
  remove(name: string, proof: DeletionProof): Promise<void>;
  /** What killed puts left below a folder name; `remove` takes it. Absent where nothing is left. */
  remnants?(prefix: string): AsyncIterable<Remnant>;
  /** A folder that the native core may read packs from; null where there is none. */
  readonly folder: string | null;
  /** Only where puts of lasting objects lock. */
  readonly retention?: Retention;
  /** Until when a lock holds the object, in milliseconds since 1970; 0 where none does. */
  lockedUntil?(name: string): Promise<number>;
  /** Tries out what this place can do; only where there is something to try. */
  probe?(): Promise<Capabilities>;
}
