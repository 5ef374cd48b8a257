/** Cases of packs and index runs. */
import { hash, keyed, u32 } from "../crypto.ts";
import type { Block } from "../pack.ts";
import {
  blockBytes,
  fill,
  ID_KEYS,
  KEYS,
  objectName,
  type PackTwist,
  type Part,
  sealPack,
  sealRecord,
  UPLOAD,
  zstd,
} from "./seal.ts";

export interface PackCase {
  readonly name: string;
  readonly object: string;
  readonly hex: string;
  readonly refused: boolean;
  readonly chunks?: string[];
}

const salt = (name: string) => hash(Buffer.from(`salt of ${name}`));
const DATA = [Buffer.from("first chunk"), Buffer.from("second chunk"), fill(0x61, 300)];
const id = (kind: number, data: Buffer) => keyed(ID_KEYS[kind] ?? fill(0), data);

function parts(kind = 0): Part[] {
  const [a, b, c] = DATA as [Buffer, Buffer, Buffer];
  const chunk = (d: Buffer): [Buffer, number] => [id(kind, d), d.length];
  const payload = Buffer.concat([a, b]);
  return [
    { kind, codec: 0, plain: payload.length, payload, chunks: [chunk(a), chunk(b)] },
    { kind, codec: 1, plain: c.length, payload: zstd(c, c.length), chunks: [chunk(c)] },
  ];
}

const second = (change: Partial<Block>) => (rows: Block[]) =>
  rows.map((row, i) => (i === 1 ? { ...row, ...change } : row));
const set = (at: number, value: number) => (b: Buffer) => {
  b.writeUInt32LE(value, at);
  return b;
};

const TWISTS: [string, PackTwist, Part[]?][] = [
  ["pack-of-odd-length", { whole: (p) => Buffer.concat([p, fill(0, 16)]) }],
  ["pack-of-odd-length/not-the-smallest", { size: 8192 }],
  ["pack-headers-differ", { whole: (p) => flip(p, p.length - 1) }],
  ["locator-points-outside", { locator: (l) => set(0, l.readUInt32LE(0) + 1)(l) }],
  ["locator-points-outside/reserved", { locator: (l) => set(8, 1)(l) }],
  ["contents-sum-does-not-add-up", { rows: second({ plain: 299 }) }],
  ["contents-count-too-many-chunks", { contents: set(40, 0xffffffff) }],
  ["contents-count-too-many-chunks/of-no-block", { rows: (r) => r.slice(0, 1) }],
  ["block-gap", { gap: 32 }],
  ["block-overlap", { rows: second({ offset: 80 }) }],
  ["block-moved", { sealed: (c, o) => [c, o + 1] }],
  ["block-of-another-counter", { sealed: (c, o) => [c + 1, o] }],
  ["unknown-codec", { rows: second({ codec: 2 }) }],
  ["unknown-block-kind", { rows: second({ kind: 3 }) }],
  ["block-above-the-limit", { rows: second({ plain: (4 << 20) + 1 }) }],
  ["page-in-a-data-pack", { kind: 0 }, parts(1)],
  ["reserved-byte-set", { contents: (c) => set(0, 0x100)(c) }],
  ["reserved-byte-set/end-of-the-fixed-part", { contents: set(44, 1) }],
  ["pack-of-another-domain", { domain: fill(0x55, 16) }],
  ["chunk-of-another-id", {}, parts(1).map((p) => ({ ...p, kind: 0 }))],
  ["zstd-bomb", {}, other({ payload: zstd(fill(0x61, 1), 64 << 20) })],
  ["block-expands-short", {}, other({ payload: zstd(fill(0x61, 200)) })],
  ["empty-chunk", {}, [...parts(), { ...(parts()[0] as Part), ...emptied() }]],
  ["flipped-bit/pack", { whole: (p) => flip(p, 100) }],
  ["truncated-gcm-tag/pack", { whole: (p) => p.subarray(0, p.length - 1) }],
  ["type-of-another-object/pack", { whole: (p) => retype(p) }],
];

function other(change: Partial<Part>): Part[] {
  return parts().map((p, i) => (i === 1 ? { ...p, ...change } : p));
}

function emptied(): Partial<Part> {
  const [a] = DATA as [Buffer];
  return {
    plain: a.length,
    payload: a,
    chunks: [
      [id(0, a), a.length],
      [id(0, fill(0, 0)), 0],
    ],
  };
}

function flip(bytes: Buffer, at: number): Buffer {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
}

function retype(bytes: Buffer): Buffer {
  bytes.writeUInt8(8, 8);
  bytes.writeUInt8(8, bytes.length - 72);
  return bytes;
}

function packCase(name: string, bytes: Buffer, refused: boolean): PackCase {
  return { name, object: objectName(bytes), hex: bytes.toString("hex"), refused };
}

export function packCases(): PackCase[] {
  const good = packCase("good-pack", sealPack(parts(), salt("good-pack")), false);
  const meta = packCase("good-pack/pages", sealPack(parts(1), salt("good-pack/pages")), false);
  const chunks = DATA.map((d) => d.toString("hex"));
  const bad = TWISTS.map(([name, twist, own]) =>
    packCase(name, sealPack(own ?? parts(), salt(name), twist), true),
  );
  return [{ ...good, chunks }, { ...meta, chunks }, ...bad];
}

interface RunTwist {
  rows?: (rows: IndexRow[]) => IndexRow[];
  block?: number;
  plain?: (plain: Buffer) => Buffer;
  content?: (content: Buffer) => Buffer;
}

type IndexRow = [id: Buffer, block: number, offset: number, length: number];

/** The run that tells of `good-pack`. */
function runContent(t: RunTwist): Buffer {
  const packed = sealPack(parts(), salt("good-pack"));
  const blocks = [0, 1].map((i) => {
    const p = parts()[i] as Part;
    const at = i === 0 ? 80 : 80 + (parts()[0]?.payload.length ?? 0) + 16;
    const row = { offset: at, sealed: p.payload.length + 16, plain: p.plain };
    return blockBytes({ ...row, chunks: p.chunks.length, codec: p.codec, kind: p.kind });
  });
  let rows: IndexRow[] = DATA.map((d, i) => {
    const offset = i === 1 ? (DATA[0]?.length ?? 0) : 0;
    return [id(0, d), i === 2 ? 1 : 0, offset, d.length];
  });
  rows.sort((a, b) => Buffer.compare(a[0], b[0]));
  rows = (t.rows ?? ((r) => r))(rows);
  const column = (c: 1 | 2 | 3) => rows.map((r) => u32(r[c]));
  const plain = Buffer.concat([
    KEYS.claim,
    KEYS.domain,
    ...[1, 2, rows.length].map(u32),
    hash(packed),
    UPLOAD,
    packed.subarray(16, 80),
    u32(packed.length),
    ...blocks.flatMap((b) => [u32(t.block ?? 0), b]),
    ...rows.map((r) => r[0]),
    ...column(1),
    ...column(2),
    ...column(3),
  ]);
  const twisted = (t.plain ?? ((p) => p))(plain);
  const content = Buffer.concat([u32(twisted.length), zstd(twisted)]);
  return (t.content ?? ((c) => c))(content);
}

const longer = (rows: IndexRow[]) =>
  rows.map(([i, b, o, n], at): IndexRow => [i, b, o, at === 0 ? n + 400 : n]);
const RUNS: [string, RunTwist][] = [
  ["good-index", {}],
  ["index-row-outside-block", { rows: longer }],
  ["index-row-of-no-block", { rows: (r) => r.map(([i, , o, n]) => [i, 7, o, n]) }],
  ["index-block-of-no-pack", { block: 3 }],
  ["index-sizes-do-not-add-up", { plain: (p) => set(40, 9)(p) }],
  ["index-sizes-do-not-add-up/huge", { plain: (p) => set(36, 0xffffffff)(p) }],
  ["index-rows-out-of-order", { rows: (r) => r.toReversed() }],
  ["index-bomb", { content: (c) => set(0, 0x7fffffff)(c) }],
  ["index-bomb/unlike-its-stated-length", { content: (c) => set(0, 60)(c) }],
];

export function runCases() {
  return RUNS.map(([name, twist]) => {
    const bytes = sealRecord("index", runContent(twist), salt(name));
    const refused = name !== "good-index";
    const fixed = { level: "content", type: "index", object: objectName(bytes) };
    return { name, ...fixed, hex: bytes.toString("hex"), refused };
  });
}
