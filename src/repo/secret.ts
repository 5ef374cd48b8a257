/** What opens a key slot. */
import type { KdfCost, SecretKind } from "../seam/native.ts";

export interface Secret {
  readonly kind: SecretKind;
  /** A passphrase's UTF-8 bytes, or a 32-byte key. */
  readonly bytes: Buffer;
}

/** What opening a new passphrase slot takes. */
export const DEFAULT_COST: KdfCost = { memoryKiB: 256 << 10, passes: 3, lanes: 4 };

/** Secrets of 256 bits need no slow derivation. */
export function slotCost({ kind }: Secret, cost: KdfCost = DEFAULT_COST): KdfCost {
  return kind === "passphrase" ? cost : { memoryKiB: 0, passes: 0, lanes: 0 };
}
