/** Everything the data sets are drawn from: the same seed gives the same bytes on every machine. */
import { createCipheriv, createHash } from "node:crypto";

const digest = (seed: string): Buffer => createHash("sha256").update(seed).digest();

/** A stream of numbers in [0, 1) (mulberry32). */
export function numbers(seed: string): () => number {
  let state = digest(seed).readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A source of incompressible bytes: the key stream of AES-128 in counter mode. */
export function noise(seed: string): (bytes: number) => Buffer {
  const cipher = createCipheriv("aes-128-ctr", digest(seed).subarray(0, 16), Buffer.alloc(16));
  return (bytes) => cipher.update(Buffer.alloc(bytes));
}

const SYLLABLES = (
  "an be ci do er fa gen hi in jo ka lo mi ne or pa qui re so ta un ve wi ex " +
  "ment tion ing ed ly st al tr pre con"
).split(" ");

const VOCABULARY: readonly string[] = (() => {
  const draw = numbers("vocabulary");
  return Array.from({ length: 6000 }, (_, rank) => {
    const length = 1 + Math.floor(draw() * (rank < 60 ? 2 : 4));
    return Array.from({ length }, () => SYLLABLES[Math.floor(draw() * SYLLABLES.length)]).join("");
  });
})();

/** Draws words as a text does: the word of rank r about 1/r as often as the first. */
export function words(seed: string): () => string {
  const draw = numbers(seed);
  return () => VOCABULARY[Math.floor(VOCABULARY.length ** draw()) - 1] ?? "the";
}

/** Picks about `share` of a list, in its order. */
export function some<T>(list: readonly T[], share: number, seed: string): T[] {
  const draw = numbers(seed);
  return list.filter(() => draw() < share);
}
