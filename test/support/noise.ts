/** Bytes that do not compress, the same for the same seed. */
import { createHash } from "node:crypto";

export function noise(seed: number, bytes: number): Buffer {
  return createHash("shake256", { outputLength: bytes }).update(`holdall ${seed}`).digest();
}
