/** Header, records and keys of FORMAT.md. */
import { argon2id } from "@noble/hashes/argon2.js";
import { aesOpen, ascii, derive, keyed, padme, xof64 } from "./crypto.ts";
import { Layout, limit, TYPES, table } from "./document.ts";
import { Row, unpack } from "./encoding.ts";

export const HEADER = new Layout("field");
const SOURCES = new Map(
  table("type", "source key", "binding").rows.map(([t = "", ...rest]) => [t, rest]),
);

export interface Stored {
  /** Bare name: hash, dash, upload id. */
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Ring {
  root: Buffer;
  lineage: Buffer;
  replica: Buffer;
  readonly roles: Map<number, Buffer>;
  /** Ids of domains in hex; keys of data, pages, lists; the cut key. */
  readonly domains: Map<string, { ids: [Buffer, Buffer, Buffer]; cut: Buffer; cutter: number }>;
  readonly epochs: Map<string, { domain: string; key: Buffer }>;
}

export function emptyRing(root: Buffer, lineage: Buffer): Ring {
  const replica = Buffer.alloc(16);
  return { root, lineage, replica, roles: new Map(), domains: new Map(), epochs: new Map() };
}

/** Refuses every header that version 1 does not know. */
export function header(bytes: Buffer, type: string): Buffer {
  const out = bytes.subarray(0, HEADER.size);
  if (out.length < HEADER.size) throw new Error("no header");
  if (!HEADER.bytes(out, "magic").equals(ascii("holdall"))) throw new Error("another magic");
  const expected: [string, number | undefined][] = [
    ["format version", 1],
    ["type", TYPES.get(type)],
    ["suite", 1],
    ["length of a key encapsulation after the header", 0],
    ["flags", 0],
  ];
  for (const [field, value] of expected) {
    if (HEADER.number(out, field) !== value) throw new Error(`header: another ${field}`);
  }
  return out;
}

/** The encrypting half of an object key, or null when the commitment is of another. */
export function objectKey(head: Buffer, type: string, source: Buffer, ring: Ring): Buffer | null {
  const typeKey = derive(`holdall v1 type ${type}`, source);
  return committed(
    head,
    xof64("holdall v1 object", typeKey, ring.lineage, HEADER.bytes(head, "salt")),
  );
}

function committed(head: Buffer, key: Buffer): Buffer | null {
  return key.subarray(32).equals(HEADER.bytes(head, "key commitment")) ? key.subarray(0, 32) : null;
}

/** `u32 length || content || zeros` after the clear part, in a stored length that is Padmé's. */
function unseal(key: Buffer, aad: Buffer, clear: number, bytes: Buffer): Buffer {
  const plain = aesOpen(key, 0, aad, bytes.subarray(clear));
  if (plain.length < 4) throw new Error("no length inside");
  const length = plain.readUInt32LE(0);
  if (length > plain.length - 4) throw new Error("wrong inner length");
  if (plain.subarray(4 + length).some((b) => b !== 0)) throw new Error("padding is not zeros");
  if (padme(clear + 4 + length + 16) !== bytes.length) throw new Error("not padded by Padmé");
  return plain.subarray(4, 4 + length);
}

export function openRecord(ring: Ring, type: string, { name, bytes }: Stored): Buffer {
  const head = header(bytes, type);
  if (bytes.length > limit("bytes of a record")) throw new Error("record too long");
  const [source = "", binding] = SOURCES.get(type) ?? SOURCES.get("any other") ?? [];
  const role = /^role (\d)$/.exec(source)?.[1];
  const sources =
    source === "root"
      ? [ring.root]
      : role === undefined
        ? [...ring.epochs.values()].map((e) => e.key)
        : [ring.roles.get(Number(role)) ?? Buffer.alloc(0)];
  const key = sources.map((s) => objectKey(head, type, s, ring)).find((k) => k !== null);
  if (!key) throw new Error(`${type}: sealed under a key that is not here`);
  const bound = binding === "lineage id" ? ring.lineage : ring.replica;
  const upload = Buffer.from(name.slice(-32), "hex");
  return unseal(key, Buffer.concat([head, bound, upload]), HEADER.size, bytes);
}

/** Whether the last 32 bytes of a content are the tag that the admin key makes. */
export function tagIsOf(ring: Ring, type: string, { name }: Stored, content: Buffer): boolean {
  const key = derive("holdall v1 authority", ring.roles.get(3) ?? Buffer.alloc(0), ring.replica);
  const upload = Buffer.from(name.slice(-32), "hex");
  const said = Buffer.concat([Buffer.of(TYPES.get(type) ?? 0), upload, content.subarray(0, -32)]);
  return keyed(key, said).equals(content.subarray(-32));
}

/** Opens a slot; null when it is of another kind or secret. */
export function openSlot(bytes: Buffer, kind: number, secret: Buffer): Ring | null {
  const head = header(bytes, "slot");
  const size = HEADER.size;
  const clear = size + 2 + bytes.readUInt16LE(size);
  const f = new Row(unpack(bytes.subarray(size + 2, clear)), 6);
  const own = f.number();
  const fingerprint = f.bytes(16);
  const [m, t, p] = [f.number(), f.number(), f.number()];
  f.extensions();
  if (own !== 1 && (m !== 0 || t !== 0 || p !== 0)) throw new Error("costs on another slot");
  if (own !== kind) return null;
  const salt = HEADER.bytes(head, "salt");
  let wrap = secret;
  if (kind === 1) {
    const most = ["KiB", "passes", "lanes"].map((w) => limit(`Argon2id ${w}, most when read`));
    if ([m, t, p].some((n, i) => n > (most[i] ?? 0))) throw new Error("above the ceiling");
    wrap = Buffer.from(argon2id(secret, salt, { m, t, p, dkLen: 32, version: 0x13 }));
  }
  const key = committed(head, xof64("holdall v1 slot", wrap, salt));
  if (key === null) return null;
  const content = new Row(unpack(unseal(key, bytes.subarray(0, clear), clear, bytes)), 5);
  const ring = emptyRing(content.bytes(32), content.bytes(16));
  content.text();
  content.number();
  content.extensions();
  const print = derive("holdall v1 root fingerprint", ring.root).subarray(0, 16);
  if (!print.equals(fingerprint)) throw new Error("fingerprint of another root");
  return ring;
}

/** Takes a wrapped key into the ring. */
export function takeKey(ring: Ring, object: Stored): void {
  const number = HEADER.number(object.bytes, "type");
  const type = [...TYPES].find(([, n]) => n === number)?.[0] ?? "";
  if (!["domain", "epoch", "role"].includes(type)) throw new Error(`${type} among the keys`);
  const f = new Row(unpack(openRecord(ring, type, object)), { domain: 6, epoch: 4 }[type] ?? 3);
  if (type === "domain") {
    const id = f.bytes(16).toString("hex");
    f.text();
    const idKey = f.bytes(32);
    const of = (kind: string) => derive(`holdall v1 id ${kind}`, idKey);
    const domain = { ids: [of("data"), of("page"), of("list")], cut: f.bytes(32) } as const;
    const cutter = f.number();
    if (cutter !== 1 && cutter !== 2) throw new Error("unknown cutter");
    ring.domains.set(id, { ...domain, ids: [...domain.ids], cutter });
  } else if (type === "epoch") {
    const [id, domain] = [f.bytes(16).toString("hex"), f.bytes(16).toString("hex")];
    ring.epochs.set(id, { domain, key: f.bytes(32) });
  } else ring.roles.set(f.number(255), f.bytes(32));
  f.extensions();
}
