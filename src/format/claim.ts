/** A writer's claim and its end (draft: the deletion protocol gives them their full meaning). */
import { encode } from "./canonical.ts";

export function encodeClaim(claim: Buffer, writer: Buffer, host: string, time: number): Buffer {
  return encode([claim, writer, host, time, []]);
}

export function encodeEnd(claim: Buffer): Buffer {
  return encode([claim, []]);
}
