/**
 * A writer's claim and all that is said of it later. The upload id of each of these records is the
 * claim's id, so that a listing tells which of them to read.
 */
import { UNTAGGED } from "./authority.ts";
import { encode } from "./canonical.ts";
import { Fields } from "./fields.ts";

export interface Claim {
  readonly id: Buffer;
  readonly writer: Buffer;
  readonly host: string;
  /** Milliseconds since 1970, by the writer's clock; nothing safe depends on it. */
  readonly time: number;
}

export function encodeClaim(claim: Buffer, writer: Buffer, host: string, time: number): Buffer {
  return encode([claim, writer, host, time, []]);
}

export function decodeClaim(bytes: Buffer): Claim {
  const f = Fields.of(bytes, "claim", 5);
  const claim = { id: f.bytes(16), writer: f.bytes(16), host: f.text(), time: f.int() };
  f.extensions();
  return claim;
}

export function encodeEnd(claim: Buffer): Buffer {
  return encode([claim, []]);
}

/** The id of the claim that ended. */
export function decodeEnd(bytes: Buffer): Buffer {
  const f = Fields.of(bytes, "end", 2);
  const claim = f.bytes(16);
  f.extensions();
  return claim;
}

/** An intent, or with the same fields a withdrawn mark. */
export function encodeIntent(claim: Buffer, sweep: Buffer): Buffer {
  return encode([claim, sweep, []]);
}

export function decodeIntent(bytes: Buffer): { claim: Buffer; sweep: Buffer } {
  const f = Fields.of(bytes, "intent", 3);
  const intent = { claim: f.bytes(16), sweep: f.bytes(16) };
  f.extensions();
  return intent;
}

/** A final fence; its tag is still to be put in. */
export function encodeFence(claim: Buffer): Buffer {
  return encode([claim, [], UNTAGGED]);
}

/** The id of the claim that is fenced. */
export function decodeFence(bytes: Buffer): Buffer {
  const f = Fields.of(bytes, "fence", 3);
  const claim = f.bytes(16);
  f.extensions();
  f.bytes(UNTAGGED.length);
  return claim;
}
