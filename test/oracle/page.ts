/** Manifest pages and entries, with everything they carry. */
import { limit } from "./document.ts";
import { Row, unpack, type Value } from "./encoding.ts";

export type Summary = [entries: number, files: number, bytes: number];

export interface Entry {
  readonly name: Buffer;
  readonly kind: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly seconds: bigint;
  readonly nanoseconds: number;
  readonly size: bigint;
  readonly content: Content;
  readonly link: bigint | null;
  readonly xattrs: [Buffer, Buffer][];
  readonly extensions: Map<number, Buffer>;
  /** Why the entry is left out; null for one that this reader knows whole. */
  readonly refused: string | null;
}

export type Content =
  | { kind: "none" }
  | { kind: "ids"; levels: number; ids: Buffer[] }
  | { kind: "folder"; page: Buffer; summary: Summary }
  | { kind: "target"; bytes: Buffer }
  | { kind: "device"; major: number; minor: number };

export type Page =
  | { kind: "leaf"; entries: Entry[] }
  | { kind: "node"; below: { name: Buffer; page: Buffer; summary: Summary }[] }
  | { kind: "hints"; inodes: bigint[]; below: Buffer[] }
  | { kind: "hint node"; below: Buffer[] };

const U32 = 2 ** 32 - 1;
const EXTENTS = 1;
const PARTIAL = 6;
const LEFT_OUT = 7;
const KNOWN = [EXTENTS, PARTIAL, LEFT_OUT];

export function split(ids: Buffer): Buffer[] {
  if (ids.length % 32 !== 0) throw new Error("ids of an odd length");
  return Array.from({ length: ids.length / 32 }, (_, i) => ids.subarray(i * 32, i * 32 + 32));
}

function summary(value: Value): Summary {
  const f = new Row(value, 3);
  return [f.number(), f.number(), f.number()];
}

function ascending(names: Buffer[]): void {
  names.forEach((name, i) => {
    const before = names[i - 1];
    if (before && Buffer.compare(before, name) >= 0) throw new Error("names do not ascend");
  });
}

export function page(bytes: Buffer): Page {
  const f = new Row(unpack(bytes), 3);
  const kind = f.number();
  const out = body(kind, f);
  f.extensions();
  return out;
}

function body(kind: number, f: Row): Page {
  if (kind === 1) {
    const entries = f.list().map(entry);
    ascending(entries.map((e) => e.name));
    return { kind: "leaf", entries };
  }
  if (kind === 2) {
    const below = f.list().map((value) => {
      const row = new Row(value, 3);
      return { name: row.bytes(), page: row.bytes(32), summary: summary(row.value()) };
    });
    ascending(below.map((b) => b.name));
    return { kind: "node", below };
  }
  if (kind === 3) {
    const row = new Row(f.value(), 4);
    const inodes = row.list().map((n) => new Row([n], 1).integer());
    for (const column of [row.list(), row.list()]) {
      if (column.length !== inodes.length) throw new Error("hints of unlike lengths");
      for (const n of column) new Row([n], 1).integer();
    }
    return { kind: "hints", inodes, below: split(row.bytes()) };
  }
  if (kind === 4) return { kind: "hint node", below: split(f.bytes()) };
  throw new Error(`page of unknown kind ${kind}`);
}

function entryName(name: Buffer): Buffer {
  const text = name.toString("latin1");
  if (text === "" || text === "." || text === ".." || /[/\0]/.test(text))
    throw new Error(`${JSON.stringify(text)} is no name`);
  return name;
}

function entry(value: Value): Entry {
  const f = new Row(value, 12);
  const name = entryName(f.bytes());
  const kind = f.number(127);
  const [mode, uid, gid] = [f.number(0o7777), f.number(U32), f.number(U32)];
  const [seconds, nanoseconds, size] = [f.integer(), f.number(999_999_999), f.integer()];
  if (size < 0n) throw new Error("negative size");
  const held = content(kind, f.value());
  const link = f.maybe(() => f.integer());
  const xattrs = f.list().map((x): [Buffer, Buffer] => {
    const row = new Row(x, 2);
    return [row.bytes(), row.bytes()];
  });
  ascending(xattrs.map(([n]) => n));
  const list = f.critical();
  const strange = list.find(([id, critical]) => critical && !KNOWN.includes(id));
  const refused = kind > 6 ? `kind ${kind}` : strange ? `extension ${strange[0]}` : null;
  const extensions = new Map(list.map(([id, , bytes]) => [id, bytes]));
  const owner = { uid, gid, seconds, nanoseconds, size };
  return { name, kind, mode, ...owner, content: held, link, xattrs, extensions, refused };
}

function content(kind: number, value: Value): Content {
  const f = new Row([value], 1);
  if (kind > 6) return { kind: "none" };
  if (kind === 1) {
    const row = new Row(value, 2);
    return { kind: "folder", page: row.bytes(32), summary: summary(row.value()) };
  }
  if (kind === 2) return { kind: "target", bytes: f.bytes() };
  if (kind === 3 || kind === 4) {
    const row = new Row(value, 2);
    return { kind: "device", major: row.number(U32), minor: row.number(U32) };
  }
  if (value === null) return { kind: "none" };
  if (kind !== 0) throw new Error("content on an entry that has none");
  if (Buffer.isBuffer(value)) return { kind: "ids", levels: 0, ids: some(value) };
  const row = new Row(value, 2);
  const levels = row.number(limit("levels of lists"));
  if (levels === 0) throw new Error("list of no levels");
  return { kind: "ids", levels, ids: some(row.bytes()) };
}

function some(ids: Buffer): Buffer[] {
  if (ids.length === 0) throw new Error("no ids where some should be");
  return split(ids);
}

/** Where a file's data lies; `data` is the sum of its chunks. */
export function extents(e: Entry, data: number): [bigint, bigint][] {
  const bytes = e.extensions.get(EXTENTS);
  if (bytes === undefined) {
    if (BigInt(data) !== e.size) throw new Error("chunks do not add up to the size");
    return [[0n, e.size]];
  }
  if (bytes.length % 16 !== 0) throw new Error("extents of an odd length");
  let [end, sum] = [0n, 0n];
  const out: [bigint, bigint][] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const [start, length] = [bytes.readBigUInt64LE(at), bytes.readBigUInt64LE(at + 8)];
    if (start < end || start + length > e.size) throw new Error("extents overlap or pass the end");
    end = start + length;
    sum += length;
    out.push([start, length]);
  }
  if (sum !== BigInt(data)) throw new Error("chunks do not add up to the extents");
  return out;
}

export const isPartial = (e: Entry) => e.extensions.has(PARTIAL);
