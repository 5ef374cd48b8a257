/** The canonical subset of MessagePack, written apart from the product's. */
import { limit } from "./document.ts";

export type Value = null | bigint | string | Buffer | Value[];

export function pack(value: Value | number): Buffer {
  if (value === null) return Buffer.of(0xc0);
  if (typeof value === "number" || typeof value === "bigint") return packInteger(BigInt(value));
  if (typeof value === "string") {
    const text = Buffer.from(value, "utf8");
    return Buffer.concat([sized(text.length, 32, 0xa0, [0xd9, 0xda, 0xdb]), text]);
  }
  if (Buffer.isBuffer(value)) {
    return Buffer.concat([sized(value.length, 0, 0, [0xc4, 0xc5, 0xc6]), value]);
  }
  return Buffer.concat([sized(value.length, 16, 0x90, [0, 0xdc, 0xdd]), ...value.map(pack)]);
}

function bigEndian(n: bigint, width: number): Buffer {
  return Buffer.from(n.toString(16).padStart(width * 2, "0"), "hex");
}

function sized(n: number, short: number, base: number, codes: [number, number, number]): Buffer {
  if (n < short) return Buffer.of(base | n);
  const at = n < 256 && codes[0] !== 0 ? 0 : n < 65536 ? 1 : 2;
  return Buffer.concat([Buffer.of(codes[at] ?? 0), bigEndian(BigInt(n), 1 << at)]);
}

function packInteger(n: bigint): Buffer {
  if (n >= -32n && n < 128n) return Buffer.of(Number(BigInt.asUintN(8, n)));
  const base = n < 0n ? 0xd0 : 0xcc;
  const fits = (bits: bigint) => (n < 0n ? n >= -(1n << (bits - 1n)) : n < 1n << bits);
  const at = [8n, 16n, 32n, 64n].findIndex(fits);
  if (at < 0) throw new Error("more than 64 bits");
  const width = 1 << at;
  return Buffer.concat([Buffer.of(base + at), bigEndian(BigInt.asUintN(8 * width, n), width)]);
}

/**
 * Decodes one value and nothing after it. Canonical means that a value has one form, so a whole
 * message is canonical exactly when encoding what was read gives the same bytes.
 */
export function unpack(bytes: Buffer): Value {
  let at = 0;
  const take = (n: number) => {
    if (at + n > bytes.length) throw new Error("cut short");
    at += n;
    return bytes.subarray(at - n, at);
  };
  const number = (n: number) => BigInt(`0x${take(n).toString("hex")}`);
  const list = (n: number, depth: number): Value[] => {
    if (n > bytes.length - at) throw new Error("more elements than bytes");
    return Array.from({ length: n }, () => value(depth + 1));
  };
  const text = (n: number) =>
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(take(n));
  function value(depth: number): Value {
    if (depth > limit("depth of arrays")) throw new Error("too deep");
    const c = take(1).readUInt8(0);
    if (c < 0x80) return BigInt(c);
    if (c >= 0xe0) return BigInt(c - 256);
    if (c >= 0x90 && c < 0xa0) return list(c - 0x90, depth);
    if (c >= 0xa0 && c < 0xc0) return text(c - 0xa0);
    if (c === 0xc0) return null;
    if (c >= 0xc4 && c <= 0xc6) return take(Number(number(1 << (c - 0xc4))));
    if (c >= 0xcc && c <= 0xcf) return number(1 << (c - 0xcc));
    if (c >= 0xd0 && c <= 0xd3) return BigInt.asIntN(8 << (c - 0xd0), number(1 << (c - 0xd0)));
    if (c >= 0xd9 && c <= 0xdb) return text(Number(number(1 << (c - 0xd9))));
    if (c === 0xdc || c === 0xdd) return list(Number(number(c === 0xdc ? 2 : 4)), depth);
    throw new Error(`code ${c} is outside the subset`);
  }
  const out = value(0);
  if (at !== bytes.length) throw new Error("bytes after the end");
  if (!pack(out).equals(bytes)) throw new Error("not in its shortest form");
  return out;
}

/** The fields of a record in order, each of the kind asked for. */
export class Row {
  private at = 0;
  private readonly values: Value[];

  constructor(value: Value, count: number) {
    if (!Array.isArray(value) || value.length !== count) throw new Error(`not ${count} fields`);
    this.values = value;
  }

  value(): Value {
    const found = this.values[this.at++];
    if (found === undefined) throw new Error("no more fields");
    return found;
  }

  integer(): bigint {
    const v = this.value();
    if (typeof v !== "bigint") throw new Error("no integer");
    return v;
  }

  number(most = Number.MAX_SAFE_INTEGER): number {
    const v = this.integer();
    if (v < 0n || v > BigInt(most)) throw new Error(`${v} is out of range`);
    return Number(v);
  }

  text(): string {
    const v = this.value();
    if (typeof v !== "string") throw new Error("no text");
    return v;
  }

  bytes(length?: number): Buffer {
    const v = this.value();
    if (!Buffer.isBuffer(v)) throw new Error("no bytes");
    if (length !== undefined && v.length !== length) throw new Error("bytes of another length");
    return v;
  }

  list(): Value[] {
    const v = this.value();
    if (!Array.isArray(v)) throw new Error("no list");
    return v;
  }

  /** Nil, or what `read` takes. */
  maybe<T>(read: () => T): T | null {
    if (this.values[this.at] !== null) return read();
    this.at++;
    return null;
  }

  /** All extensions by id; a critical one that is not known is refused. */
  extensions(known: number[] = []): Map<number, Buffer> {
    const found = this.critical();
    const bad = found.find(([id, critical]) => critical && !known.includes(id));
    if (bad) throw new Error(`needs extension ${bad[0]}`);
    return new Map(found.map(([id, , bytes]) => [id, bytes]));
  }

  critical(): [number, boolean, Buffer][] {
    let last = -1;
    return this.list().map((item) => {
      const row = new Row(item, 3);
      const [id, critical] = [row.number(), row.number(1)];
      if (id <= last) throw new Error("extensions out of order");
      last = id;
      return [id, critical === 1, row.bytes()];
    });
  }
}
