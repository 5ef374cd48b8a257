/** Paths as bytes: Node turns what is not UTF-8 into U+FFFD, the kernel's own copy has it whole. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

let raw: Buffer[] | undefined;

function rawArguments(): Buffer[] {
  if (raw) return raw;
  raw = [];
  const line = readFileSync("/proc/self/cmdline");
  for (let at = 0; at < line.length; ) {
    const end = line.indexOf(0, at);
    raw.push(line.subarray(at, end));
    at = end + 1;
  }
  return raw;
}

/** The bytes of an argument. */
export function argumentBytes(text: string): Buffer {
  if (!text.includes("\ufffd")) return Buffer.from(text);
  return rawArguments().find((a) => a.toString("utf8") === text) ?? Buffer.from(text);
}

/** An absolute path of an argument, without `.`, `..` or a slash at the end; links stay. */
export function absolute(text: string): Buffer {
  const cwd = Buffer.from(process.cwd()).toString("latin1");
  return Buffer.from(resolve(cwd, argumentBytes(text).toString("latin1")), "latin1");
}
