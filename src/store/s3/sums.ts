/** SHA-256 of an object and of its parts, as S3 states them. */
import { createHash } from "node:crypto";
import { type Body, partOf, piecesOf } from "../../base/body.ts";

export const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

export const base64 = (hash: Buffer): string => hash.toString("base64");

export interface Sums {
  /** Of each part; of the whole, where there is one only. */
  readonly parts: readonly Buffer[];
  /** The checksum of the object. */
  readonly text: string;
}

/** The sums of an object that goes whole, or in parts of `part` bytes. */
export async function sumsOf(bytes: Body, part: number | null): Promise<Sums> {
  if (part === null) {
    const whole = await sumOf(bytes);
    return { parts: [whole], text: base64(whole) };
  }
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += part) {
    parts.push(await sumOf(partOf(bytes, at, at + part)));
  }
  return { parts, text: `${base64(sha256(Buffer.concat(parts)))}-${parts.length}` };
}

async function sumOf(bytes: Body): Promise<Buffer> {
  const hash = createHash("sha256");
  for await (const piece of piecesOf(bytes)) hash.update(piece);
  return hash.digest();
}
