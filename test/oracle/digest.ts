/** The content digest of FORMAT.md: what a tree holds, whatever stored it. */
import { derive, hash, u32, u64 } from "./crypto.ts";
import type { Entry } from "./page.ts";
import type { Oracle } from "./reader.ts";

const SLICE = 1 << 20;

/** Bytes with where they lie, and the whole size: hashed in slices, holes as zeros. */
export function fileBody(size: bigint, data: Iterable<{ at: bigint; bytes: Buffer }>): Buffer {
  const hashes: Buffer[] = [];
  let slice = Buffer.alloc(0);
  let [start, zero] = [0n, Buffer.alloc(0)];
  const open = () => {
    const left = size - start;
    slice = Buffer.alloc(Number(left < BigInt(SLICE) ? left : BigInt(SLICE)));
  };
  const close = (empty: boolean) => {
    if (empty && slice.length === SLICE) {
      if (zero.length === 0) zero = hash(slice);
      hashes.push(zero);
    } else hashes.push(hash(slice));
    start += BigInt(slice.length);
    open();
  };
  open();
  let empty = true;
  for (const part of data) {
    let { at, bytes } = part;
    while (bytes.length > 0) {
      while (at >= start + BigInt(slice.length)) {
        close(empty);
        empty = true;
      }
      const inside = Number(at - start);
      const n = bytes.copy(slice, inside);
      empty = false;
      bytes = bytes.subarray(n);
      at += BigInt(n);
    }
  }
  while (start < size) {
    close(empty);
    empty = true;
  }
  return derive("holdall v1 content file", ...hashes);
}

function body(oracle: Oracle, e: Entry): Buffer {
  if (e.refused !== null) throw new Error(`no digest: ${e.refused}`);
  const c = e.content;
  if (c.kind === "folder") return digest(oracle, c.page);
  if (c.kind === "target") return hash(c.bytes);
  if (c.kind === "device") return hash(Buffer.concat([u32(c.major), u32(c.minor)]));
  return e.kind === 0 ? fileBody(e.size, oracle.data(e)) : Buffer.alloc(32);
}

/** One entry as its folder's digest takes it. */
export function item(name: Buffer, kind: number, size: bigint, content: Buffer): Buffer {
  return Buffer.concat([u32(name.length), name, Buffer.of(kind), u64(size), content]);
}

/** The digest of the folder whose entries a page lists. */
export function digest(oracle: Oracle, page: Buffer): Buffer {
  const items = [...oracle.entries(page)].map((e) => {
    const target = e.content.kind === "target" ? BigInt(e.content.bytes.length) : 0n;
    return item(e.name, e.kind, e.kind === 0 ? e.size : target, body(oracle, e));
  });
  return derive("holdall v1 content folder", ...items);
}
