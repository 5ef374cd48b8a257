/** Numbers from a seed: all that a schedule decides comes from one of these. */

export interface Chance {
  /** A whole number from 0 to `n - 1`. */
  below(n: number): number;
  /** True with this probability. */
  odds(probability: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
  bytes(n: number): Buffer;
  /** Another source of its own, of the same seed. */
  fork(salt: number): Chance;
}

/**
 * One 32-bit word from another: mixes well enough that neighbouring seeds have nothing in common.
 */
function mix(x: number): number {
  let y = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  y = Math.imul(y ^ (y >>> 15), 0x735a2d97);
  return (y ^ (y >>> 15)) >>> 0;
}

export function chance(seed: number): Chance {
  let drawn = 0;
  const own = mix(seed + 0x9e3779b9);
  const next = () => mix(own + Math.imul(++drawn, 0x9e3779b1));
  const below = (n: number) => Math.floor((next() / 2 ** 32) * n);
  return {
    below,
    odds: (probability) => next() / 2 ** 32 < probability,
    pick: <T>(from: readonly [T, ...T[]]) => from[below(from.length)] ?? from[0],
    bytes(n) {
      const out = Buffer.alloc(n + 4);
      for (let at = 0; at < n; at += 4) out.writeUInt32LE(next(), at);
      return out.subarray(0, n);
    },
    fork: (salt) => chance(mix(own ^ mix(salt + 1))),
  };
}
