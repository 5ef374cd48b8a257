/** What opens a key slot. */
import type { SecretKind } from "../seam/native.ts";

export interface Secret {
  readonly kind: SecretKind;
  /** A passphrase's UTF-8 bytes, or a 32-byte key. */
  readonly bytes: Buffer;
}
