/** An encoder of FORMAT.md with every step open to tampering; used for vectors alone. */
import { aesSeal, derive, hash, keyed, padme, u32, xof64 } from "../crypto.ts";
import { TYPES } from "../document.ts";
import { pack as encode, type Value } from "../encoding.ts";
import type { Block } from "../pack.ts";
import { associated, CONTENTS_COUNTER, LOCATOR_COUNTER, packSize } from "../pack.ts";

export const fill = (byte: number, length = 32) => Buffer.alloc(length, byte);
export const UPLOAD = fill(0xaa, 16);
export const KEYS = {
  secret: fill(1),
  root: fill(2),
  lineage: fill(3, 16),
  replica: fill(4, 16),
  domain: fill(5, 16),
  idKey: fill(6),
  cutKey: fill(7),
  epoch: fill(8, 16),
  epochKey: fill(9),
  roles: [fill(0x11), fill(0x12), fill(0x13)],
  // Upload ids of records that speak of them.
  claim: UPLOAD,
  snapshot: UPLOAD,
  writer: fill(0x22, 16),
  sweep: fill(0x24, 16),
};
export const ID_KEYS = ["data", "page", "list"].map((k) =>
  derive(`holdall v1 id ${k}`, KEYS.idKey),
);

export const objectName = (bytes: Buffer) =>
  `${hash(bytes).toString("hex")}-${UPLOAD.toString("hex")}`;

export function header(type: string, salt: Buffer, commitment: Buffer): Buffer {
  const fixed = Buffer.concat([Buffer.from("holdall"), Buffer.of(1, TYPES.get(type) ?? 0, 1)]);
  return Buffer.concat([fixed, Buffer.alloc(6), salt, commitment]);
}

/** What a case may do otherwise than the format says. */
export interface Twist {
  source?: Buffer;
  lineage?: Buffer;
  binding?: Buffer;
  upload?: Buffer;
  /** Changes the plaintext `u32 length || content || zeros` before it is sealed. */
  plain?: (plain: Buffer) => Buffer;
  /** Changes the header before it is authenticated. */
  head?: (header: Buffer) => Buffer;
}

const SOURCE: Record<string, [Buffer, Buffer]> = {
  config: [KEYS.root, KEYS.lineage],
  domain: [KEYS.root, KEYS.lineage],
  epoch: [KEYS.root, KEYS.lineage],
  role: [KEYS.root, KEYS.lineage],
  section: [KEYS.epochKey, KEYS.replica],
  index: [KEYS.roles[1] ?? fill(0), KEYS.replica],
};

export function sealRecord(type: string, content: Buffer, salt: Buffer, t: Twist = {}): Buffer {
  const [source, binding] = SOURCE[type] ?? [KEYS.roles[0] ?? fill(0), KEYS.replica];
  const typeKey = derive(`holdall v1 type ${type}`, t.source ?? source);
  const key = xof64("holdall v1 object", typeKey, t.lineage ?? KEYS.lineage, salt);
  const head = (t.head ?? ((h) => h))(header(type, salt, key.subarray(32)));
  const aad = Buffer.concat([head, t.binding ?? binding, t.upload ?? UPLOAD]);
  return Buffer.concat([head, aesSeal(key.subarray(0, 32), 0, aad, padded(80, content, t))]);
}

/** A record that ends with a tag; `admin` is the key that makes it. */
export function sealTagged(
  type: string,
  fields: Value[],
  salt: Buffer,
  admin: Buffer = KEYS.roles[2] ?? fill(0),
  size = 32,
): Buffer {
  const room = encode([...fields, Buffer.alloc(size)]);
  const said = room.subarray(0, -size);
  const key = derive("holdall v1 authority", admin, KEYS.replica);
  const tag = keyed(key, Buffer.concat([Buffer.of(TYPES.get(type) ?? 0), UPLOAD, said]));
  return sealRecord(type, Buffer.concat([said, tag.subarray(0, size)]), salt);
}

function padded(clear: number, content: Buffer, t: Twist): Buffer {
  const size = padme(clear + 4 + content.length + 16) - clear - 16;
  const plain = Buffer.alloc(size);
  Buffer.concat([u32(content.length), content]).copy(plain);
  return (t.plain ?? ((p) => p))(plain);
}

/** A slot; `wrap` is the key-encryption key. */
export function sealSlot(clear: Value[], content: Value[], wrap: Buffer, salt: Buffer): Buffer {
  const key = xof64("holdall v1 slot", wrap, salt);
  const info = encode(clear);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(info.length);
  const aad = Buffer.concat([header("slot", salt, key.subarray(32)), length, info]);
  const plain = padded(aad.length, encode(content), {});
  return Buffer.concat([aad, aesSeal(key.subarray(0, 32), 0, aad, plain)]);
}

/** Zstandard by hand: raw blocks, or one byte repeated. */
export function zstd(data: Buffer, repeat?: number): Buffer {
  const size = repeat ?? data.length;
  const parts = [Buffer.from("28b52ffda0", "hex"), u32(size)];
  const most = 128 << 10;
  for (let at = 0; at < size || at === 0; at += most) {
    const n = Math.min(most, size - at);
    const last = at + n >= size ? 1 : 0;
    const head = Buffer.alloc(3);
    head.writeUIntLE((n << 3) | ((repeat === undefined ? 0 : 1) << 1) | last, 0, 3);
    parts.push(head, repeat === undefined ? data.subarray(at, at + n) : data.subarray(0, 1));
  }
  return Buffer.concat(parts);
}

export interface Part {
  kind: number;
  codec: number;
  plain: number;
  payload: Buffer;
  chunks: [id: Buffer, length: number][];
}

export function chunkOf(kind: number, data: Buffer, id: (key: Buffer) => Buffer): [Buffer, number] {
  return [id(ID_KEYS[kind] ?? fill(0)), data.length];
}

export interface PackTwist {
  head?: Twist["head"];
  domain?: Buffer;
  kind?: number;
  /** Changes the block rows, the contents, the locator, or the whole pack. */
  rows?: (rows: Block[]) => Block[];
  contents?: (contents: Buffer) => Buffer;
  locator?: (locator: Buffer) => Buffer;
  whole?: (pack: Buffer) => Buffer;
  /** Counter and offset that a block is sealed for. */
  sealed?: (counter: number, offset: number) => [number, number];
  /** Bytes between the blocks and the contents. */
  gap?: number;
  size?: number;
}

export function sealPack(parts: Part[], salt: Buffer, t: PackTwist = {}): Buffer {
  const typeKey = derive("holdall v1 type pack", KEYS.epochKey);
  const both = xof64("holdall v1 object", typeKey, KEYS.lineage, salt);
  const [key, head] = [both.subarray(0, 32), header("pack", salt, both.subarray(32))];
  const seal = (counter: number, at: number, plain: Buffer, by = counter) =>
    aesSeal(key, by, associated(head, KEYS.lineage, counter, at, plain.length), plain);
  const out: Buffer[] = [head];
  let at = 80;
  let rows = parts.map((p, i): Block => {
    const [counter, offset] = (t.sealed ?? ((c, o) => [c, o]))(i, at);
    out.push(seal(counter, offset, p.payload));
    const sealed = p.payload.length + 16;
    const row = { offset: at, sealed, plain: p.plain, chunks: p.chunks.length };
    at += sealed;
    return { ...row, codec: p.codec, kind: p.kind };
  });
  rows = (t.rows ?? ((r) => r))(rows);
  out.push(Buffer.alloc(t.gap ?? 0));
  at += t.gap ?? 0;
  const chunks = parts.flatMap((p) => p.chunks);
  const contents = Buffer.concat([
    Buffer.of(t.kind ?? (parts[0]?.kind ? 1 : 0), 0, 0, 0),
    KEYS.claim,
    t.domain ?? KEYS.domain,
    ...[rows.length, chunks.length, 0].map(u32),
    ...rows.map(blockBytes),
    ...chunks.map(([id]) => id),
    ...chunks.map(([, length]) => u32(length)),
  ]);
  const size = t.size ?? packSize(at + contents.length + 16 + 112);
  const plain = Buffer.alloc(size - 112 - 16 - at);
  contents.copy(plain);
  out.push(seal(CONTENTS_COUNTER, at, (t.contents ?? ((c) => c))(plain)));
  const locator = Buffer.concat([u32(at), u32(plain.length + 16), Buffer.alloc(8)]);
  out.push(seal(LOCATOR_COUNTER, 0, (t.locator ?? ((l) => l))(locator)), head);
  return (t.whole ?? ((p) => p))(Buffer.concat(out));
}

export function blockBytes(b: Block): Buffer {
  const words = [b.offset, b.sealed, b.plain, b.chunks].map(u32);
  return Buffer.concat([...words, Buffer.of(b.codec, b.kind, 0, 0)]);
}
