/**
 * An independent reader, written from FORMAT.md alone: pure TypeScript, no import from `src` or
 * `native`.
 *
 * Slow and plain on purpose. It opens a folder repository with a 32-byte secret and gives back
 * every file of a snapshot. It never reads index runs: packs' own contents say where chunks lie.
 */
import { createDecipheriv } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { blake3 } from "@noble/hashes/blake3.js";
import { decompress } from "fzstd";

type Value = null | number | bigint | string | Buffer | Value[];

const ascii = (text: string) => Buffer.from(text, "ascii");
const derive = (context: string, ...parts: Uint8Array[]) =>
  Buffer.from(blake3(Buffer.concat(parts), { context: ascii(context), dkLen: 32 }));
const xof64 = (context: string, ...parts: Uint8Array[]) =>
  Buffer.from(blake3(Buffer.concat(parts), { context: ascii(context), dkLen: 64 }));

function u64(n: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(n));
  return out;
}

function u32(n: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(n);
  return out;
}

function aesOpen(key: Buffer, counter: number, aad: Buffer, sealed: Buffer): Buffer {
  const nonce = Buffer.concat([u64(counter), Buffer.alloc(4)]);
  const cipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad);
  cipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
}

/** The subset's decoder; it trusts what is authenticated but still refuses other codes. */
export function unpack(bytes: Buffer): Value {
  let at = 0;
  const take = (n: number) => {
    if (at + n > bytes.length) throw new Error("cut short");
    at += n;
    return bytes.subarray(at - n, at);
  };
  const number = (n: number) => BigInt(`0x${take(n).toString("hex")}`);
  const narrow = (n: bigint) =>
    n <= BigInt(Number.MAX_SAFE_INTEGER) && n >= -BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n;
  const list = (n: number): Value[] => Array.from({ length: n }, value);
  function value(): Value {
    const c = take(1).readUInt8(0);
    if (c < 0x80) return c;
    if (c >= 0xe0) return c - 256;
    if (c >= 0x90 && c < 0xa0) return list(c - 0x90);
    if (c >= 0xa0 && c < 0xc0) return take(c - 0xa0).toString("utf8");
    if (c === 0xc0) return null;
    if (c >= 0xc4 && c <= 0xc6) return take(Number(number(1 << (c - 0xc4))));
    if (c >= 0xcc && c <= 0xcf) return narrow(number(1 << (c - 0xcc)));
    if (c >= 0xd0 && c <= 0xd3)
      return narrow(BigInt.asIntN(8 << (c - 0xd0), number(1 << (c - 0xd0))));
    if (c >= 0xd9 && c <= 0xdb) return take(Number(number(1 << (c - 0xd9)))).toString("utf8");
    if (c === 0xdc || c === 0xdd) return list(Number(number(c === 0xdc ? 2 : 4)));
    throw new Error(`code ${c} is outside the subset`);
  }
  const out = value();
  if (at !== bytes.length) throw new Error("bytes after the end");
  return out;
}

interface Chunk {
  readonly pack: string;
  readonly key: Buffer;
  readonly header: Buffer;
  readonly ordinal: number;
  readonly block: { offset: number; sealed: number; plain: number; codec: number; kind: number };
  readonly offset: number;
  readonly length: number;
}

export interface Restored {
  readonly path: string;
  readonly kind: number;
  readonly mode: number;
  readonly size: number;
  readonly data: Buffer | null;
}

export class Oracle {
  private readonly folder: string;
  private root = Buffer.alloc(0);
  private lineage = Buffer.alloc(0);
  private replica = Buffer.alloc(0);
  private readonly roles = new Map<number, Buffer>();
  private readonly idKeys = new Map<string, Buffer[]>();
  private readonly epochs: Buffer[] = [];
  private readonly chunks = new Map<string, Chunk>();

  constructor(folder: string, secret: Buffer) {
    this.folder = folder;
    this.openSlots(secret);
    const [config] = this.objects("config").map(
      (o) => this.record("config", 2, this.root, this.lineage, o) as Value[],
    );
    this.replica = config?.[2] as Buffer<ArrayBuffer>;
    for (const object of this.objects("keys")) this.takeKey(object);
    for (const object of this.objects("packs")) this.takePack(object.path, object.bytes);
  }

  private objects(folder: string): { path: string; name: string; bytes: Buffer }[] {
    const root = join(this.folder, folder);
    return readdirSync(root, { recursive: true, encoding: "utf8" })
      .map((n) => join(root, n))
      .filter((path) => statSync(path).isFile())
      .map((path) => {
        const bytes = readFileSync(path);
        const name = path.slice(path.lastIndexOf("/") + 1);
        if (!name.startsWith(Buffer.from(blake3(bytes)).toString("hex")))
          throw new Error(`${name} is not its bytes' name`);
        return { path, name, bytes };
      });
  }

  private openSlots(secret: Buffer): void {
    for (const { bytes } of this.objects("slots")) {
      this.header(bytes, 1);
      const end = 82 + bytes.readUInt16LE(80);
      const key = xof64("holdall v1 slot", secret, bytes.subarray(16, 48));
      if (!key.subarray(32).equals(bytes.subarray(48, 80))) continue;
      const plain = aesOpen(key.subarray(0, 32), 0, bytes.subarray(0, end), bytes.subarray(end));
      const [root, lineage] = unpack(plain) as Buffer<ArrayBuffer>[];
      if (root && lineage) [this.root, this.lineage] = [root, lineage];
      return;
    }
    throw new Error("no slot opens");
  }

  private header(bytes: Buffer, type: number): Buffer {
    const header = bytes.subarray(0, 80);
    const fixed = Buffer.concat([ascii("holdall"), Buffer.of(1, type, 1, 0, 0, 0, 0, 0, 0)]);
    if (!header.subarray(0, 16).equals(fixed)) throw new Error(`not an object of type ${type}`);
    return header;
  }

  private record(
    type: string,
    number: number,
    source: Buffer,
    binding: Buffer,
    object: { name: string; bytes: Buffer },
  ): Value {
    const header = this.header(object.bytes, number);
    const key = xof64(
      "holdall v1 object",
      derive(`holdall v1 type ${type}`, source),
      this.lineage,
      header.subarray(16, 48),
    );
    if (!key.subarray(32).equals(header.subarray(48)))
      throw new Error(`${type}: another key's commitment`);
    const upload = Buffer.from(object.name.slice(-32), "hex");
    const plain = aesOpen(
      key.subarray(0, 32),
      0,
      Buffer.concat([header, binding, upload]),
      object.bytes.subarray(80),
    );
    return unpack(plain.subarray(4, 4 + plain.readUInt32LE(0)));
  }

  private takeKey(object: { name: string; bytes: Buffer }): void {
    const type = object.bytes.readUInt8(8);
    const name = ["domain", "epoch", "role"][type - 3] ?? "";
    const fields = this.record(name, type, this.root, this.lineage, object) as Value[];
    if (type === 3) {
      const ids = ["data", "page", "list"].map((k) =>
        derive(`holdall v1 id ${k}`, fields[2] as Buffer),
      );
      this.idKeys.set((fields[0] as Buffer).toString("hex"), ids);
    } else if (type === 4) this.epochs.push(fields[2] as Buffer);
    else this.roles.set(fields[0] as number, fields[1] as Buffer);
  }

  private packPart(
    key: Buffer,
    header: Buffer,
    counter: number,
    offset: number,
    sealed: Buffer,
  ): Buffer {
    const aad = Buffer.concat([
      header,
      this.lineage,
      u64(counter),
      u64(offset),
      u32(sealed.length - 16),
    ]);
    return aesOpen(key, counter, aad, sealed);
  }

  private takePack(path: string, bytes: Buffer): void {
    const header = this.header(bytes, 6);
    const keys = this.epochs.map((e) =>
      xof64(
        "holdall v1 object",
        derive("holdall v1 type pack", e),
        this.lineage,
        header.subarray(16, 48),
      ),
    );
    const key = keys.find((k) => k.subarray(32).equals(header.subarray(48)))?.subarray(0, 32);
    if (!key || !bytes.subarray(-80).equals(header))
      throw new Error(`${path}: no key, or unlike headers`);
    const locator = this.packPart(key, header, 2 ** 32 + 1, 0, bytes.subarray(-112, -80));
    const start = locator.readUInt32LE(0);
    const contents = this.packPart(
      key,
      header,
      2 ** 32,
      start,
      bytes.subarray(start, start + locator.readUInt32LE(4)),
    );
    const blocks = contents.readUInt32LE(36);
    const ids = 48 + blocks * 20;
    const lengths = ids + contents.readUInt32LE(40) * 32;
    let chunk = 0;
    for (let ordinal = 0; ordinal < blocks; ordinal++) {
      const row = contents.subarray(48 + ordinal * 20);
      const [offset, sealed, plain, count] = [0, 4, 8, 12].map((at) => row.readUInt32LE(at)) as [
        number,
        number,
        number,
        number,
      ];
      const block = { offset, sealed, plain, codec: row.readUInt8(16), kind: row.readUInt8(17) };
      let inside = 0;
      for (const end = chunk + count; chunk < end; chunk++) {
        const length = contents.readUInt32LE(lengths + chunk * 4);
        const id = contents.subarray(ids + chunk * 32, ids + chunk * 32 + 32).toString("hex");
        this.chunks.set(id, { pack: path, key, header, ordinal, block, offset: inside, length });
        inside += length;
      }
    }
  }

  private chunk(id: Buffer, kind: number): Buffer {
    const c = this.chunks.get(id.toString("hex"));
    if (c === undefined || c.block.kind !== kind) throw new Error(`no chunk ${id.toString("hex")}`);
    const { offset, sealed, plain, codec } = c.block;
    const payload = this.packPart(
      c.key,
      c.header,
      c.ordinal,
      offset,
      readFileSync(c.pack).subarray(offset, offset + sealed),
    );
    const block = codec === 1 ? Buffer.from(decompress(payload, new Uint8Array(plain))) : payload;
    const data = block.subarray(c.offset, c.offset + c.length);
    const idKey = [...this.idKeys.values()][0]?.[kind];
    if (!idKey || !Buffer.from(blake3(data, { key: idKey })).equals(id))
      throw new Error("chunk is not its id's");
    return data;
  }

  /** Manifest roots of all snapshots, oldest first. */
  snapshots(): Buffer[] {
    const found = this.objects("snapshots").map((object) => {
      const control = this.roles.get(1) ?? Buffer.alloc(0);
      const fields = this.record("snapshot", 8, control, this.replica, object) as Value[];
      const [section] = fields[9] as [string, Buffer][];
      if (section === undefined) throw new Error("no section");
      const [name, bytes] = section;
      const epoch = this.epochs[0] ?? Buffer.alloc(0);
      const opened = this.record("section", 9, epoch, this.replica, { name, bytes }) as Value[];
      const [unit] = opened[3] as Value[][];
      return { time: fields[2] as number, root: unit?.[2] as Buffer };
    });
    return found.sort((a, b) => a.time - b.time).map((f) => f.root);
  }

  /** Every entry below a manifest root, files with their bytes. */
  *walk(page: Buffer, base = ""): Iterable<Restored> {
    const [kind, rows] = unpack(this.chunk(page, 1)) as [number, Value[][]];
    for (const row of rows) {
      if (kind === 2) {
        yield* this.walk(row[1] as Buffer, base);
        continue;
      }
      const [name, type, mode] = row as [Buffer, number, number];
      const path = `${base}/${name.toString("latin1")}`;
      const size = Number(row[7]);
      yield { path, kind: type, mode, size, data: type === 0 ? this.file(row, size) : null };
      if (type === 1) yield* this.walk((row[8] as Buffer[])[0] as Buffer, path);
    }
  }

  private file(row: Value[], size: number): Buffer {
    let ids: Buffer = Buffer.alloc(0);
    const content = row[8] ?? null;
    if (Buffer.isBuffer(content)) ids = content;
    else if (Array.isArray(content)) {
      const [levels, top] = content as [number, Buffer];
      ids = top;
      for (let level = 0; level < levels; level++)
        ids = Buffer.concat(split(ids).map((id) => this.chunk(id, 2)));
    }
    const data = Buffer.concat(split(ids).map((id) => this.chunk(id, 0)));
    const extents = (row[11] as [number, number, Buffer][]).find(([id]) => id === 1)?.[2];
    if (extents === undefined) return data;
    const out = Buffer.alloc(size);
    let from = 0;
    for (let at = 0; at < extents.length; at += 16) {
      const [start, length] = [
        Number(extents.readBigUInt64LE(at)),
        Number(extents.readBigUInt64LE(at + 8)),
      ];
      data.copy(out, start, from, from + length);
      from += length;
    }
    return out;
  }
}

function split(ids: Buffer): Buffer[] {
  return Array.from({ length: ids.length / 32 }, (_, i) => ids.subarray(i * 32, i * 32 + 32));
}
