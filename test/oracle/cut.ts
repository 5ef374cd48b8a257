/** Where a stream is cut, straight from FORMAT.md. */
import { createCipheriv } from "node:crypto";
import { xof2048 } from "./crypto.ts";
import { limit } from "./document.ts";

const [MINIMUM, AVERAGE, MAXIMUM] = ["minimum", "average", "maximum"].map((w) =>
  limit(`${w} of a cut`),
) as [number, number, number];

type Test = (p: number, bits: number) => boolean;

/** AES of every window at once: windows are the cipher's blocks. */
function aes(key: Buffer, data: Buffer): Test {
  const cipher = createCipheriv("aes-128-ecb", key.subarray(0, 16), null).setAutoPadding(false);
  const windows = Buffer.alloc(Math.max(0, data.length - 15) * 16);
  for (let p = 16; p <= data.length; p++) data.copy(windows, (p - 16) * 16, p - 16, p);
  const out = cipher.update(windows);
  return (p, bits) => (out.readUInt32LE((p - 16) * 16) & ((1 << bits) - 1)) === 0;
}

/** The Gear sum before every p, rolled: a word leaves when it is shifted out of 64 bits. */
function gear(key: Buffer, data: Buffer): Test {
  const words = xof2048("holdall v1 gear", key);
  const high = new Uint32Array(data.length + 1);
  let sum = 0n;
  for (let p = 0; p < data.length; p++) {
    high[p] = Number(sum >> 32n);
    sum = BigInt.asUintN(64, (sum << 1n) + words.readBigUInt64LE(data.readUInt8(p) * 8));
  }
  return (p, bits) => (high[p] ?? 0) >>> (32 - bits) === 0;
}

export function cuts(cutter: number, key: Buffer, data: Buffer): number[] {
  const test = cutter === 1 ? aes(key, data) : gear(key, data);
  const out: number[] = [];
  for (let start = 0; start < data.length; ) {
    const end = Math.min(data.length, start + MAXIMUM);
    let p = start + MINIMUM;
    while (p < end && !test(p, p - start < AVERAGE ? 18 : 14)) p++;
    out.push(Math.min(p, end) - start);
    start = Math.min(p, end);
  }
  return out;
}
