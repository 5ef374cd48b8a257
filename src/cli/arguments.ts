/** Arguments without loss: Node makes U+FFFD of what is not UTF-8, the kernel's copy keeps it. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { toBytes, toText } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";

/** The arguments as texts that `toBytes` turns into the bytes they came as. */
export function losslessArguments(): string[] {
  const given = process.argv.slice(2);
  if (!given.some((text) => text.includes("\ufffd"))) return given;
  const line = readFileSync("/proc/self/cmdline");
  const raw: Buffer[] = [];
  for (let at = 0; at < line.length; ) {
    const end = line.indexOf(0, at);
    raw.push(line.subarray(at, end));
    at = end + 1;
  }
  // Options of Node itself come first, so the command's arguments are counted from the end.
  return raw.slice(raw.length - given.length).map(toText);
}

/** An absolute path of an argument, without `.`, `..` or a slash at the end; links stay. */
export function absolute(text: string): Buffer {
  const cwd = Buffer.from(process.cwd()).toString("latin1");
  return Buffer.from(resolve(cwd, toBytes(text).toString("latin1")), "latin1");
}

/** What has to be UTF-8, because its place in the program keeps text. */
export function utf8(text: string, what: string): string {
  const bytes = toBytes(text);
  if (bytes.toString("utf8") !== text) throw new Failure("usage", `${what} ${text} is not UTF-8`);
  return text;
}

/** A whole number of an option or variable. */
export function integer(text: string, what: string, least: number, most: number): number {
  const n = Number(text);
  if (text.trim() === "" || !Number.isInteger(n) || n < least || n > most) {
    throw new Failure("usage", `${what} ${text}: give a whole number from ${least} to ${most}`);
  }
  return n;
}

const FACTORS: Record<string, number> = { "": 1, k: 1 << 10, m: 1 << 20, g: 1 << 30, t: 2 ** 40 };

/** `500k`, `2M`: bytes, in units of 1024. */
export function byteCount(text: string, what: string): number {
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?)([kmgt]?)$/i.exec(text) ?? [];
  const n = Number(count) * (FACTORS[unit.toLowerCase()] ?? 1);
  if (count === undefined || n <= 0) {
    throw new Failure("usage", `${what} ${text}: give a size such as 500k or 2M`);
  }
  return n;
}

const SPANS: Record<string, number> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_557_600,
};

/** `90s`, `2h`, `30d`: milliseconds. */
export function span(text: string, what: string): number {
  const [, count, unit = ""] = /^(\d+)([smhdwy])$/.exec(text) ?? [];
  const seconds = SPANS[unit];
  if (count === undefined || seconds === undefined) {
    throw new Failure("usage", `${what} ${text}: give a span such as 90s, 2h, 30d, 4w or 1y`);
  }
  return Number(count) * seconds * 1000;
}

/** `10%`: a share, 0 to 1. */
export function share(text: string, what: string): number {
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  if (percent === undefined || Number(percent) > 100) {
    throw new Failure("usage", `${what} ${text}: give a share from 0% to 100%`);
  }
  return Number(percent) / 100;
}
