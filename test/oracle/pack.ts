/** Packs: contents, blocks and chunks. */
import { decompress } from "fzstd";
import { aesOpen, keyed, u32, u64 } from "./crypto.ts";
import { Layout, limit } from "./document.ts";
import { HEADER, header, objectKey, type Ring } from "./object.ts";

export const CONTENTS = new Layout("contents");
export const BLOCK = new Layout("block row");
export const LOCATOR = new Layout("locator");
export const CONTENTS_COUNTER = 2 ** 32;
export const LOCATOR_COUNTER = 2 ** 32 + 1;
const TAG = 16;
const TAIL = LOCATOR.size + TAG + HEADER.size;

export interface Block {
  readonly offset: number;
  readonly sealed: number;
  readonly plain: number;
  readonly chunks: number;
  readonly codec: number;
  readonly kind: number;
}

export interface Pack {
  readonly bytes: Buffer;
  readonly key: Buffer;
  readonly domain: string;
  readonly claim: Buffer;
  readonly blocks: Block[];
  readonly ids: Buffer[];
  readonly lengths: number[];
}

export function packSize(used: number): number {
  if (used > 65536) return Math.ceil(used / 65536) * 65536;
  return Math.max(4096, 2 ** Math.ceil(Math.log2(used)));
}

export function associated(head: Buffer, lineage: Buffer, counter: number, at: number, n: number) {
  return Buffer.concat([head, lineage, u64(counter), u64(at), u32(n)]);
}

export function blockRow(data: Buffer, at: number): Block {
  const row = {
    offset: BLOCK.number(data, "offset in the pack", at),
    sealed: BLOCK.number(data, "sealed length", at),
    plain: BLOCK.number(data, "plaintext length", at),
    chunks: BLOCK.number(data, "chunks", at),
    codec: BLOCK.number(data, "codec", at),
    kind: BLOCK.number(data, "kind", at),
  };
  if (BLOCK.number(data, "0", at) !== 0) throw new Error("reserved bytes of a block row");
  if (row.codec > 1 || row.kind > 2) throw new Error("unknown codec or kind");
  if (row.plain > limit("plaintext bytes of a block")) throw new Error("block too long");
  if (row.offset < HEADER.size || row.offset + row.sealed > limit("bytes of a pack"))
    throw new Error("block outside");
  return row;
}

function part(
  ring: Ring,
  pack: { bytes: Buffer; key: Buffer },
  counter: number,
  at: number,
  start: number,
  n: number,
) {
  const head = pack.bytes.subarray(0, HEADER.size);
  const aad = associated(head, ring.lineage, counter, at, n - TAG);
  return aesOpen(pack.key, counter, aad, pack.bytes.subarray(start, start + n));
}

/** Opens a whole pack's contents and checks all that they say. */
export function openPack(ring: Ring, bytes: Buffer): Pack {
  if (bytes.length > limit("bytes of a pack") || bytes.length < HEADER.size + TAIL)
    throw new Error("pack of an impossible length");
  const head = header(bytes, "pack");
  if (!bytes.subarray(-HEADER.size).equals(head)) throw new Error("headers differ");
  const found = [...ring.epochs.values()]
    .map((e) => ({ domain: e.domain, key: objectKey(head, "pack", e.key, ring) }))
    .find((e) => e.key !== null);
  if (!found?.key) throw new Error("pack is sealed under a key that is not here");
  const opened = { bytes, key: found.key };
  const tail = bytes.length - TAIL;
  const locator = part(ring, opened, LOCATOR_COUNTER, 0, tail, LOCATOR.size + TAG);
  const start = LOCATOR.number(locator, "contents offset");
  const length = LOCATOR.number(locator, "contents sealed length");
  if (start < HEADER.size || start + length !== tail || locator.readBigUInt64LE(8) !== 0n)
    throw new Error("locator points outside");
  const contents = part(ring, opened, CONTENTS_COUNTER, start, start, length);
  return { ...opened, ...rows(contents, found.domain, start, bytes.length) };
}

function rows(data: Buffer, domain: string, start: number, size: number) {
  const [kind, blocks, chunks] = ["class", "blocks", "chunks"].map((f) =>
    CONTENTS.number(data, f),
  ) as [number, number, number];
  const ids = CONTENTS.size + blocks * BLOCK.size;
  const lengths = ids + chunks * 32;
  const end = lengths + chunks * 4;
  if (end > data.length || data.subarray(end).some((b) => b !== 0)) throw new Error("bad counts");
  if (kind > 1 || data.readUIntLE(1, 3) !== 0 || data.readUInt32LE(44) !== 0)
    throw new Error("reserved bytes of contents");
  if (CONTENTS.bytes(data, "domain id").toString("hex") !== domain)
    throw new Error("another domain");
  if (packSize(start + end + TAG + TAIL) !== size) throw new Error("not the smallest size");
  const out = {
    domain,
    claim: CONTENTS.bytes(data, "claim id"),
    blocks: Array.from({ length: blocks }, (_, i) =>
      blockRow(data, CONTENTS.size + i * BLOCK.size),
    ),
    ids: Array.from({ length: chunks }, (_, i) => data.subarray(ids + i * 32, ids + i * 32 + 32)),
    lengths: Array.from({ length: chunks }, (_, i) => data.readUInt32LE(lengths + i * 4)),
  };
  let [next, chunk] = [HEADER.size, 0];
  for (const b of out.blocks) {
    const own = out.lengths.slice(chunk, chunk + b.chunks);
    if (b.offset !== next) throw new Error("gap or overlap");
    if (own.length !== b.chunks || own.includes(0)) throw new Error("bad chunks");
    if (own.reduce((a, n) => a + n, 0) !== b.plain) throw new Error("chunks do not add up");
    if ((b.kind === 0) !== (kind === 0)) throw new Error("block of another class");
    next += b.sealed;
    chunk += b.chunks;
  }
  if (next !== start || chunk !== chunks) throw new Error("gap before the contents");
  return out;
}

/** A block's plaintext. Its chunks are still to be compared with their ids. */
export function openBlock(ring: Ring, pack: Pack, ordinal: number): Buffer {
  const b = pack.blocks[ordinal];
  if (b === undefined) throw new Error("no such block");
  const payload = part(ring, pack, ordinal, b.offset, b.offset, b.sealed);
  if (b.codec === 0) {
    if (payload.length !== b.plain) throw new Error("block of another length");
    return payload;
  }
  return expand(payload, b.plain);
}

/** The plaintext length that a zstd frame's own header states. */
function stated(frame: Buffer): number {
  if (frame.readUInt32LE(0) !== 0xfd2fb528) throw new Error("not a zstd frame");
  const descriptor = frame.readUInt8(4);
  const single = (descriptor >> 5) & 1;
  const at = 5 + (1 - single) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  const width = [single, 2, 4, 8][descriptor >> 6] ?? 0;
  if (width === 0) throw new Error("frame states no length");
  if (width === 8) return Number(frame.readBigUInt64LE(at));
  return frame.readUIntLE(at, width) + (width === 2 ? 256 : 0);
}

/** One zstd frame of exactly `length` bytes; a bomb is refused before it is expanded. */
export function expand(frame: Buffer, length: number): Buffer {
  if (stated(frame) !== length) throw new Error("expands to another length");
  const out = decompress(frame, new Uint8Array(length));
  return Buffer.from(out.buffer, out.byteOffset, length);
}

export function checkId(ring: Ring, domain: string, kind: number, id: Buffer, data: Buffer): void {
  const key = ring.domains.get(domain)?.ids[kind];
  if (key === undefined || !keyed(key, data).equals(id)) throw new Error("chunk is not its id's");
}

/** Every seal and every id of a pack. */
export function verifyPack(ring: Ring, bytes: Buffer): Pack {
  const pack = openPack(ring, bytes);
  let chunk = 0;
  pack.blocks.forEach((b, ordinal) => {
    const plain = openBlock(ring, pack, ordinal);
    let at = 0;
    for (const end = chunk + b.chunks; chunk < end; chunk++) {
      const length = pack.lengths[chunk] ?? 0;
      const id = pack.ids[chunk] ?? Buffer.alloc(0);
      checkId(ring, pack.domain, b.kind, id, plain.subarray(at, at + length));
      at += length;
    }
  });
  return pack;
}
