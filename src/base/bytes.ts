/** Bytes as text: hexadecimal, and file names that need not be UTF-8. */

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

export function unhex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

/** A path for JSON: readable, and exact where it is not UTF-8. */
export function pathFields(path: Buffer): { path: string; pathBase64?: string } {
  const text = path.toString("utf8");
  if (Buffer.from(text, "utf8").equals(path)) return { path: text };
  return { path: text, pathBase64: path.toString("base64") };
}

/** A path for a terminal: control characters never reach it. */
export function shown(path: Buffer | string): string {
  const text = typeof path === "string" ? path : path.toString("utf8");
  const hidden = (c: string) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return text.replace(/\p{Cc}/gu, hidden);
}
