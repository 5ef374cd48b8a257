/**
 * The canonical subset of MessagePack: shortest forms only, and a reader that refuses everything
 * else.
 */
import { Failure } from "../base/failure.ts";

export type Value = null | number | bigint | string | Buffer | Value[];

/**
 * Encodes in the shortest forms (msgpackr writes 2^32 as a float, and bigints always in 64 bits).
 */
export function encode(value: Value): Buffer {
  const parts: Buffer[] = [];
  write(parts, value);
  return Buffer.concat(parts);
}

function write(out: Buffer[], value: Value): void {
  if (value === null) out.push(Buffer.of(0xc0));
  else if (typeof value === "number" || typeof value === "bigint")
    out.push(writeInteger(BigInt(value)));
  else if (typeof value === "string") {
    const text = Buffer.from(value, "utf8");
    out.push(
      text.length < 32 ? Buffer.of(0xa0 | text.length) : head(0xd9, text.length, [1, 2, 4]),
      text,
    );
  } else if (Buffer.isBuffer(value)) out.push(head(0xc4, value.length, [1, 2, 4]), value);
  else {
    out.push(value.length < 16 ? Buffer.of(0x90 | value.length) : head(0xdc, value.length, [2, 4]));
    for (const item of value) write(out, item);
  }
}

/** A code and a length in the shortest of the given widths; each width has the next code. */
function head(code: number, length: number, widths: number[]): Buffer {
  const at = widths.findIndex((width) => length < 256 ** width);
  const width = widths[at] ?? 4;
  const out = Buffer.alloc(1 + width);
  out.writeUInt8(code + at, 0);
  out.writeUIntBE(length, 1, width);
  return out;
}

function writeInteger(v: bigint): Buffer {
  if (v >= -32n && v <= 127n) return Buffer.of(Number(v) & 0xff);
  const at = [8n, 16n, 32n, 64n].findIndex((bits) =>
    v < 0n ? v >= -(1n << (bits - 1n)) : v < 1n << bits,
  );
  if (at < 0) throw new Failure("internal", `${v} does not fit 64 bits`);
  const width = 1 << at;
  const digits = BigInt.asUintN(width * 8, v)
    .toString(16)
    .padStart(width * 2, "0");
  return Buffer.concat([Buffer.of((v < 0n ? 0xd0 : 0xcc) + at), Buffer.from(digits, "hex")]);
}

/** Decodes exactly one value and nothing after it. */
export function decode(bytes: Buffer): Value {
  const reader = { bytes, at: 0 };
  const value = read(reader, 0);
  if (reader.at !== bytes.length) fail(reader, "bytes after the end");
  return value;
}

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

function fail(c: Cursor, what: string): never {
  throw new Failure("damaged", `malformed record at byte ${c.at}: ${what}`);
}

function take(c: Cursor, length: number): Buffer {
  if (length > c.bytes.length - c.at) fail(c, "cut short");
  c.at += length;
  return c.bytes.subarray(c.at - length, c.at);
}

function length(c: Cursor, size: 1 | 2 | 4, least: number): number {
  const n = take(c, size).readUIntBE(0, size);
  if (n < least) fail(c, "a length longer than it need be");
  return n;
}

function read(c: Cursor, depth: number): Value {
  if (depth > 16) fail(c, "nested too deep");
  const code = take(c, 1).readUInt8(0);
  if (code <= 0x7f) return code;
  if (code >= 0xe0) return code - 0x100;
  if (code >= 0x90 && code <= 0x9f) return array(c, code & 15, depth);
  if (code >= 0xa0 && code <= 0xbf) return text(c, code & 31);
  switch (code) {
    case 0xc0:
      return null;
    case 0xc4:
      return take(c, length(c, 1, 0));
    case 0xc5:
      return take(c, length(c, 2, 0x100));
    case 0xc6:
      return take(c, length(c, 4, 0x10000));
    case 0xd9:
      return text(c, length(c, 1, 32));
    case 0xda:
      return text(c, length(c, 2, 0x100));
    case 0xdb:
      return text(c, length(c, 4, 0x10000));
    case 0xdc:
      return array(c, length(c, 2, 16), depth);
    case 0xdd:
      return array(c, length(c, 4, 0x10000), depth);
    default:
      return integer(c, code);
  }
}

function integer(c: Cursor, code: number): number | bigint {
  const width = [1, 2, 4, 8][code & 3] ?? 8;
  const bits = BigInt(8 * width);
  if (code >= 0xcc && code <= 0xcf) {
    const least = [0x80n, 0x100n, 0x10000n, 0x100000000n][code & 3] ?? 0n;
    const v = BigInt(`0x${take(c, width).toString("hex")}`);
    return v < least ? fail(c, "a number longer than it need be") : small(v);
  }
  if (code >= 0xd0 && code <= 0xd3) {
    const most = [-33n, -129n, -32769n, -2147483649n][code & 3] ?? 0n;
    const v = BigInt.asIntN(Number(bits), BigInt(`0x${take(c, width).toString("hex")}`));
    return v > most ? fail(c, "a number longer than it need be") : small(v);
  }
  return fail(c, `code 0x${code.toString(16)} is outside the subset`);
}

function small(v: bigint): number | bigint {
  return v <= Number.MAX_SAFE_INTEGER && v >= Number.MIN_SAFE_INTEGER ? Number(v) : v;
}

function text(c: Cursor, size: number): string {
  const bytes = take(c, size);
  const value = bytes.toString("utf8");
  if (!Buffer.from(value, "utf8").equals(bytes)) fail(c, "text that is not UTF-8");
  return value;
}

function array(c: Cursor, size: number, depth: number): Value[] {
  if (size > c.bytes.length - c.at) fail(c, "array longer than its record");
  return Array.from({ length: size }, () => read(c, depth + 1));
}
