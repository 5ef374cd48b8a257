/** The Redis protocol: commands as bytes, and where a reply ends. */
import { Failure } from "../../base/failure.ts";

export function command(words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join("")}`);
}

/** One reply as text, and where it ends; null while it is not whole. An error throws. */
export function reply(bytes: Buffer, at = 0): { text: string; end: number } | null {
  const line = bytes.indexOf("\r\n", at);
  if (line < 0) return null;
  const kind = String.fromCharCode(bytes[at] ?? 0);
  const rest = bytes.toString("utf8", at + 1, line);
  const after = line + 2;
  if (kind === "-") throw new Failure("not_still", rest);
  if (kind === "+" || kind === ":") return { text: rest, end: after };
  const count = Number(rest);
  if (kind === "$") {
    if (count < 0) return { text: "", end: after };
    const end = after + count;
    return bytes.length < end + 2
      ? null
      : { text: bytes.toString("utf8", after, end), end: end + 2 };
  }
  if (kind !== "*") throw new Failure("not_still", "the answer is none of the Redis protocol");
  const texts: string[] = [];
  let end = after;
  for (let i = 0; i < count; i++) {
    const one = reply(bytes, end);
    if (one === null) return null;
    texts.push(one.text);
    end = one.end;
  }
  return { text: texts.join("\n"), end };
}

/** So many replies as texts; null while they are not all there. */
export function replies(bytes: Buffer, count: number): string[] | null {
  const texts: string[] = [];
  let at = 0;
  while (texts.length < count) {
    const one = reply(bytes, at);
    if (one === null) return null;
    texts.push(one.text);
    at = one.end;
  }
  return texts;
}
