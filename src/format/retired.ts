/** Extension 1 of the config, not critical: the key slots that are no longer accepted. */
import { Failure } from "../base/failure.ts";
import type { Value } from "./canonical.ts";

export const RETIRED = 1;
const HASH = 32;

/** The config's extension list for these hashes of stored slots. */
export function encodeRetired(hashes: readonly Buffer[]): Value[] {
  if (hashes.length === 0) return [];
  return [[RETIRED, 0, Buffer.concat([...hashes].sort(Buffer.compare))]];
}

export function decodeRetired(bytes: Buffer | undefined): Buffer[] {
  const all = bytes ?? Buffer.alloc(0);
  if (all.length % HASH !== 0) {
    throw new Failure("damaged", "config: the retired slots are no list of hashes");
  }
  return Array.from({ length: all.length / HASH }, (_, i) =>
    all.subarray(i * HASH, (i + 1) * HASH),
  );
}
