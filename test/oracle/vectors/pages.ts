/** Cases of manifest pages and of the encoding beneath them. */
import { pack as encode, type Value } from "../encoding.ts";
import { fill } from "./seal.ts";

export interface PageCase {
  readonly name: string;
  readonly hex: string;
  readonly refused: boolean;
  /** Names of entries that are left out while the page is read. */
  readonly leftOut?: string[];
}

export type Change = Partial<{
  name: string | Buffer;
  kind: bigint;
  mode: bigint;
  nanoseconds: bigint;
  size: bigint;
  content: Value;
  link: Value;
  xattrs: Value[];
  extensions: Value[];
}>;

export function entry(c: Change = {}): Value[] {
  const name = Buffer.from(c.name ?? "file");
  const owner: Value[] = [c.mode ?? 0o644n, 1000n, 3_000_000_000n];
  const time: Value[] = [-5_000_000_000n, c.nanoseconds ?? 7n];
  const held: Value[] = [c.size ?? 0n, c.content ?? null, c.link ?? null];
  return [name, c.kind ?? 0n, ...owner, ...time, ...held, c.xattrs ?? [], c.extensions ?? []];
}

export const leaf = (...entries: Value[][]): Value => [1n, entries, []];
const text = (t: string) => Buffer.from(t);
const extension = (id: number, critical: number): Value => [
  BigInt(id),
  BigInt(critical),
  fill(0, 4),
];
const summary: Value = [1n, 1n, 5n];

const GOOD: [string, Value, string[]?][] = [
  [
    "good-leaf",
    leaf(
      entry({ name: "a", size: 5n, content: fill(1), xattrs: [[text("user.a"), text("1")]] }),
      entry({ name: "b", kind: 1n, content: [fill(2), summary], extensions: [extension(2, 0)] }),
      entry({ name: "c", kind: 2n, size: 3n, content: text("../") }),
      entry({ name: "d", kind: 4n, content: [4095n, 1_048_575n], link: 77n }),
      entry({ name: "e", kind: 5n }),
      entry({
        name: "f",
        size: 1n << 40n,
        content: [2n, fill(3, 64)],
        extensions: [extension(1, 1)],
      }),
      entry({ name: Buffer.of(0xff, 0xfe), kind: 6n }),
    ),
  ],
  ["good-leaf/empty", leaf()],
  [
    "good-node",
    [
      2n,
      [
        [text("a"), fill(1), summary],
        [text("b"), fill(2), summary],
      ],
      [],
    ],
  ],
  ["good-hints", [3n, [[9n, 0n], [-1n, 5n], [0n, 1n], fill(1)], []]],
  ["good-hint-node", [4n, fill(1, 64), []]],
  ["page-with-an-extension-to-pass-over", [1n, [], [extension(9, 0)]]],
  [
    "entry-of-a-later-kind",
    leaf(entry({ name: "later", kind: 7n, content: ["x", [1n]] }), entry({ name: "now" })),
    ["later"],
  ],
  [
    "entry-with-a-critical-extension",
    leaf(entry({ name: "later", extensions: [extension(99, 1)] }), entry({ name: "now" })),
    ["later"],
  ],
];

const BAD: [string, Value][] = [
  ["page-entry-empty", leaf(entry({ name: "" }))],
  ["page-entry-dot", leaf(entry({ name: "." }))],
  ["page-entry-dot-dot", leaf(entry({ name: ".." }))],
  ["page-entry-slash", leaf(entry({ name: "a/b" }))],
  ["page-entry-zero-byte", leaf(entry({ name: "a\0" }))],
  ["page-entries-out-of-order", leaf(entry({ name: "b" }), entry({ name: "a" }))],
  ["page-entry-twice", leaf(entry(), entry())],
  [
    "page-entries-out-of-order/node",
    [
      2n,
      [
        [text("b"), fill(1), summary],
        [text("a"), fill(2), summary],
      ],
      [],
    ],
  ],
  [
    "xattrs-out-of-order",
    leaf(
      entry({
        xattrs: [
          [text("b"), text("")],
          [text("a"), text("")],
        ],
      }),
    ),
  ],
  ["mode-above-07777", leaf(entry({ mode: 0o10000n }))],
  ["nanoseconds-above-999999999", leaf(entry({ nanoseconds: 1_000_000_000n }))],
  ["kind-above-127", leaf(entry({ kind: 128n }))],
  ["content-on-a-pipe", leaf(entry({ kind: 5n, content: fill(1) }))],
  ["ids-of-odd-length", leaf(entry({ content: fill(1, 33) }))],
  ["ids-of-odd-length/none", leaf(entry({ content: fill(1, 0) }))],
  ["ids-of-odd-length/hints", [4n, fill(1, 31), []]],
  ["list-depth-zero", leaf(entry({ content: [0n, fill(1)] }))],
  ["list-depth-nine", leaf(entry({ content: [9n, fill(1)] }))],
  ["page-of-unknown-kind", [5n, [], []]],
  ["field-missing/entry", leaf(entry().slice(0, 11))],
  ["field-missing/page", [1n, []]],
  ["unknown-critical-extension/page", [1n, [], [extension(9, 1)]]],
  ["extension-out-of-order/entry", leaf(entry({ extensions: [extension(6, 1), extension(2, 0)] }))],
  ["extension-twice/entry", leaf(entry({ extensions: [extension(2, 0), extension(2, 0)] }))],
  ["extension-half-critical/entry", leaf(entry({ extensions: [extension(2, 2)] }))],
];

export function pageCases(): PageCase[] {
  const hex = (v: Value) => encode(v).toString("hex");
  return [
    ...GOOD.map(([name, v, leftOut]) => {
      const out = { name, hex: hex(v), refused: false };
      return leftOut === undefined ? out : { ...out, leftOut };
    }),
    ...BAD.map(([name, v]) => ({ name, hex: hex(v), refused: true })),
    { name: "trailing-bytes/page", hex: `${hex(leaf())}00`, refused: true },
    { name: "cut-short/page", hex: hex(leaf(entry())).slice(0, -2), refused: true },
    { name: "long-form-integer/page", hex: "93cc019090", refused: true },
  ];
}

const REFUSED: [string, string][] = [
  ["long-form-integer", "cc05"],
  ["long-form-integer/u16", "cd0005"],
  ["long-form-integer/u32", "ce0000ffff"],
  ["long-form-integer/u64", "cf00000000ffffffff"],
  ["long-form-integer/i8", "d0ff"],
  ["long-form-integer/i16", "d1ff80"],
  ["long-form-integer/i32", "d2ffff8000"],
  ["long-form-integer/i64", "d3ffffffff80000000"],
  ["long-form-integer/positive-in-a-signed-form", "d07f"],
  ["long-form-length", "d90161"],
  ["long-form-length/bytes", "c5000161"],
  ["long-form-length/array", "dc000100"],
  ["float", "ca00000000"],
  ["float/double", "cb0000000000000000"],
  ["map", "80"],
  ["boolean", "c3"],
  ["messagepack-extension", "d40100"],
  ["messagepack-extension/never-used", "c1"],
  ["text-not-utf-8", "a1ff"],
  ["text-not-utf-8/surrogate", "a3eda080"],
  ["text-not-utf-8/overlong", "a2c080"],
  ["trailing-bytes", "0000"],
  ["array-longer-than-its-record", "ddffffffff"],
  ["cut-short", "cd01"],
  ["cut-short/nothing", ""],
  ["nested-too-deep", `${"91".repeat(18)}00`],
];

export function encodingCases() {
  const values: [string, Value][] = [
    ["nil", null],
    ...[0n, 127n, 128n, 255n, 256n, 65535n, 65536n, 4294967295n, 4294967296n, (1n << 64n) - 1n].map(
      (n): [string, Value] => [`${n}`, n],
    ),
    ...[
      -1n,
      -32n,
      -33n,
      -128n,
      -129n,
      -32768n,
      -32769n,
      -2147483648n,
      -2147483649n,
      -(1n << 63n),
    ].map((n): [string, Value] => [`${n}`, n]),
    ["text of 31", "x".repeat(31)],
    ["text of 32", "x".repeat(32)],
    ["text of 256", "é".repeat(128)],
    ["a byte order mark", "\ufeff"],
    ["no bytes", fill(0, 0)],
    ["bytes of 255", fill(1, 255)],
    ["bytes of 256", fill(1, 256)],
    ["array of 15", fill(1, 15).toJSON().data.map(BigInt)],
    ["array of 16", fill(1, 16).toJSON().data.map(BigInt)],
  ];
  return [
    ...values.map(([name, v]) => ({ name, hex: encode(v).toString("hex"), refused: false })),
    ...REFUSED.map(([name, hex]) => ({ name, hex, refused: true })),
  ];
}
