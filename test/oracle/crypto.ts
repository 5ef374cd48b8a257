/** Hashes and seals: BLAKE3 by @noble/hashes, AES-256-GCM by Node with the tag's length said. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { blake3 } from "@noble/hashes/blake3.js";

export const ascii = (text: string) => Buffer.from(text, "ascii");

export function u32(n: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(n);
  return out;
}

export function u64(n: number | bigint): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(n));
  return out;
}

export const hash = (bytes: Uint8Array) => Buffer.from(blake3(bytes));
export const keyed = (key: Uint8Array, bytes: Uint8Array) => Buffer.from(blake3(bytes, { key }));

function kdf(length: number, context: string, parts: Uint8Array[]): Buffer {
  return Buffer.from(blake3(Buffer.concat(parts), { context: ascii(context), dkLen: length }));
}

export const derive = (context: string, ...parts: Uint8Array[]) => kdf(32, context, parts);
export const xof64 = (context: string, ...parts: Uint8Array[]) => kdf(64, context, parts);
export const xof2048 = (context: string, ...parts: Uint8Array[]) => kdf(2048, context, parts);

const nonce = (counter: number) => Buffer.concat([u64(counter), Buffer.alloc(4)]);

export function aesSeal(key: Buffer, counter: number, aad: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key, nonce(counter), { authTagLength: 16 });
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

export function aesOpen(key: Buffer, counter: number, aad: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < 16) throw new Error("sealed part shorter than its tag");
  const cipher = createDecipheriv("aes-256-gcm", key, nonce(counter), { authTagLength: 16 });
  cipher.setAAD(aad);
  cipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
}

export function padme(n: number): number {
  if (n < 256) return 256;
  const e = Math.floor(Math.log2(n));
  const s = Math.floor(Math.log2(e)) + 1;
  const step = 2 ** (e - s);
  return Math.ceil(n / step) * step;
}
