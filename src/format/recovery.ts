/** A recovery key as a person writes it down: 32 bytes, a checksum, and no letters to confuse. */
import { createHash } from "node:crypto";
import { Failure } from "../base/failure.ts";

const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

function checksum(key: Buffer): Buffer {
  return createHash("sha256").update("holdall v1 recovery").update(key).digest().subarray(0, 3);
}

/** Eleven groups of five, and one letter fewer would not hold 35 bytes. */
export function showRecoveryKey(key: Buffer): string {
  let bits = BigInt(`0x${Buffer.concat([key, checksum(key)]).toString("hex")}`);
  let text = "";
  for (let i = 0; i < 56; i++) {
    text = LETTERS.charAt(Number(bits & 31n)) + text;
    bits >>= 5n;
  }
  return (text.match(/.{7}/g) ?? []).join("-");
}

/** The 32 bytes of a written recovery key; fails with `wrong_secret` on a typing error. */
export function readRecoveryKey(text: string): Buffer {
  const letters = text.toUpperCase().replace(/[\s-]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  const digits = [...letters].map((c) => LETTERS.indexOf(c));
  if (digits.length !== 56 || digits.includes(-1)) {
    throw new Failure("wrong_secret", "that is not a recovery key: it has 56 letters in 8 groups");
  }
  const bits = digits.reduce((n, d) => (n << 5n) | BigInt(d), 0n);
  const bytes = Buffer.from(bits.toString(16).padStart(70, "0"), "hex");
  const key = bytes.subarray(0, 32);
  if (!checksum(key).equals(bytes.subarray(32))) {
    throw new Failure(
      "wrong_secret",
      "the recovery key has a typing error: its checksum does not fit",
    );
  }
  return key;
}
