/** A writer's claim and its end (draft: the deletion protocol gives them their full meaning). */
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
