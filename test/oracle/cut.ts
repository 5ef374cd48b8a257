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

/** The Gear sum of each chunk begins at its minimum and takes in the byte after p. */
function gearCut(words: Buffer, data: Buffer, start: number, end: number): number {
  let sum = 0n;
  // Positions are tested in pairs.
  for (let p = start + MINIMUM; p < end - ((end - start) & 1); p++) {
    sum = BigInt.asUintN(64, (sum << 1n) + words.readBigUInt64LE(data.readUInt8(p) * 8));
    const bits = p - start < AVERAGE ? 18n : 14n;
    if (((sum >> (63n - bits)) & ((1n << bits) - 1n)) === 0n) return p;
  }
  return end;
}

function aesCut(test: Test, start: number, end: number): number {
  let p = start + MINIMUM;
  while (p < end && !test(p, p - start < AVERAGE ? 18 : 14)) p++;
  return Math.min(p, end);
}

export function cuts(cutter: number, key: Buffer, data: Buffer): number[] {
  const test = aes(key, data);
  const words = xof2048("holdall v1 gear", key);
  const out: number[] = [];
  for (let start = 0; start < data.length; ) {
    const end = Math.min(data.length, start + MAXIMUM);
    const cut = cutter === 1 ? aesCut(test, start, end) : gearCut(words, data, start, end);
    const p = end - start <= MINIMUM ? end : cut;
    out.push(p - start);
    start = p;
  }
  return out;
}
