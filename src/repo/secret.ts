/** What opens a key slot. */
import type { KdfCost, SecretKind } from "../seam/native.ts";

export interface Secret {
  readonly kind: SecretKind;
  /** A passphrase's UTF-8 bytes, or a 32-byte key. */
  readonly bytes: Buffer;
}

/** What a new slot's Argon2id costs. */
export const DEFAULT_COST: KdfCost = { memoryKiB: 256 << 10, passes: 3, lanes: 4 };
