/**
 * Bytes as text: hexadecimal, and file names that need not be UTF-8.
 *
 * A byte that is no UTF-8 becomes a lone surrogate, U+DC00 + byte, so that any bytes can be handled
 * as text and turned back without loss.
 */

/** Lower-case hexadecimal digits of the bytes. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** The bytes that hexadecimal digits stand for. */
export function unhex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

const ESCAPE = 0xdc00;
const LONE = /[\udc80-\udcff]/;

/** Length of the UTF-8 sequence at `at`; 0 when there is none. */
function sequence(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (length === 0 || first > 0xf4 || at + length > bytes.length) return 0;
  const text = Buffer.from(bytes.subarray(at, at + length)).toString("utf8");
  return text.includes("\ufffd") && !isReplacement(bytes, at) ? 0 : length;
}

/** U+FFFD itself is an ordinary letter. */
function isReplacement(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd;
}

/** Any bytes as text; `toBytes` gives them back. */
export function toText(bytes: Buffer): string {
  const plain = bytes.toString("utf8");
  if (!plain.includes("\ufffd")) return plain;
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = sequence(bytes, at);
    text +=
      length === 0
        ? String.fromCharCode(ESCAPE + (bytes[at] ?? 0))
        : bytes.toString("utf8", at, at + length);
    at += Math.max(length, 1);
  }
  return text;
}

/** The bytes that a text from `toText` stands for. */
export function toBytes(text: string): Buffer {
  if (!LONE.test(text)) return Buffer.from(text, "utf8");
  const parts = [...text].map((letter) =>
    LONE.test(letter) && letter.length === 1
      ? Buffer.from([letter.charCodeAt(0) - ESCAPE])
      : Buffer.from(letter, "utf8"),
  );
  return Buffer.concat(parts);
}

/** A path for JSON: readable, and exact where it is not UTF-8. */
export function pathFields(path: Buffer): { path: string; pathBase64?: string } {
  const text = path.toString("utf8");
  if (Buffer.from(text, "utf8").equals(path)) return { path: text };
  return { path: text, pathBase64: path.toString("base64") };
}

/** A text or path for a terminal: control characters and broken bytes never reach it. */
export function shown(path: Buffer | string): string {
  const text = typeof path === "string" ? path : toText(path);
  const hidden = (c: string) => `\\x${(c.charCodeAt(0) & 0xff).toString(16).padStart(2, "0")}`;
  return text.replace(/[\p{Cc}\udc80-\udcff]/gu, hidden);
}
