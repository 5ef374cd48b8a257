/** FORMAT.md says what the code does: its numbers are compared with the core's constants. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { native } from "../../src/seam/native.ts";

const text = readFileSync(join(import.meta.dirname, "../../FORMAT.md"), "utf8").replace(
  /\s+/g,
  " ",
);
const constants = JSON.parse(native.formatConstants()) as Record<string, number> & {
  types: Record<string, number>;
};

const SAID: [string, (n: number) => string][] = [
  ["header", (n) => `The header has ${n} bytes`],
  ["tail", (n) => `a tail of ${n} bytes`],
  ["packLimit", (n) => `A pack has at most ${n} bytes`],
  ["contentsFixed", (n) => `Contents: ${n} bytes fixed`],
  ["blockRow", (n) => `block rows of ${n}, chunk`],
  ["chunkRow", (n) => `chunk rows of ${n}`],
  ["blockLimit", (n) => `plaintext length, at most ${n}`],
  ["runFixed", (n) => `Plaintext: ${n} bytes`],
  ["packRow", (n) => `pack rows of ${n}`],
  ["idRow", (n) => `and ${n} bytes a chunk`],
  ["pageLimit", (n) => `A page has at most ${n} bytes`],
  ["inlineIds", (n) => `ids joined (at most ${n})`],
  ["cutMinimum", (n) => `Minimum ${n}`],
  ["cutAverage", (n) => `average ${n}`],
  ["cutMaximum", (n) => `maximum ${n} bytes`],
  ["pagedChunk", (n) => `every ${n} bytes`],
  ["kdfFloorKiB", (n) => `at least ${n} KiB`],
  ["kdfCeilingKiB", (n) => `more than ${n} KiB`],
];

it.each(SAID)("states %s", (name, sentence) => {
  expect(constants[name]).toBeTypeOf("number");
  expect(text).toContain(sentence(constants[name] ?? -1));
});

it.each(Object.entries(constants.types))("numbers the type %s", (name, number) => {
  expect(text.includes(`| ${name} | ${number} |`) || text.includes(`${name} ${number}`)).toBe(true);
});
