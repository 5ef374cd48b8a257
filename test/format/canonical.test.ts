/** The canonical subset: what goes in comes out, and nothing else is read. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode, encode, type Value } from "../../src/format/canonical.ts";

const bytes = fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b));
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.string({ unit: "grapheme", maxLength: 80 }),
    bytes,
    fc.array(tie("value"), { maxLength: 20 }),
  ) as fc.Arbitrary<Value>,
}));

describe("canonical MessagePack", () => {
  it("comes back as it was", () => {
    fc.assert(
      fc.property(value, (v) => {
        expect(decode(encode(v))).toEqual(v);
      }),
      { seed: 3 },
    );
  });

  it("reads at most one form of a value: whatever is read encodes to the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (raw) => {
        let read: Value;
        try {
          read = decode(Buffer.from(raw));
        } catch {
          return;
        }
        expect(encode(read)).toEqual(Buffer.from(raw));
      }),
      { numRuns: 5000, seed: 4 },
    );
  });

  const refused: [string, number[]][] = [
    ["a float", [0xcb, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["a map", [0x80]],
    ["an extension", [0xd4, 1, 0]],
    ["a boolean", [0xc3]],
    ["a long number", [0xcd, 0, 5]],
    ["a long negative", [0xd0, 0xff]],
    ["a long text", [0xd9, 1, 0x61]],
    ["text that is no UTF-8", [0xa1, 0xff]],
    ["an array longer than the record", [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["bytes after the end", [0, 0]],
    ["nothing", []],
  ];
  it.each(refused)("refuses %s", (_name, raw) => {
    expect(() => decode(Buffer.from(raw))).toThrow(/malformed/);
  });
});
