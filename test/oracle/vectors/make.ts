/**
 * All golden vectors, made from fixed keys by an encoder that shares nothing with the product. The
 * committed files must be what this makes; with `MAKE_VECTORS=1` the vectors' test writes them.
 */
import { argon2id } from "@noble/hashes/argon2.js";
import { blake3 } from "@noble/hashes/blake3.js";
import { derive, hash, padme, xof64 } from "../crypto.ts";
import { cuts } from "../cut.ts";
import { fileBody, item } from "../digest.ts";
import { pack as encode, type Value } from "../encoding.ts";
import { packCases, runCases } from "./packs.ts";
import { encodingCases, pageCases } from "./pages.ts";
import {
  fill,
  header,
  ID_KEYS,
  KEYS,
  objectName,
  sealRecord,
  sealSlot,
  sealTagged,
  type Twist,
  UPLOAD,
} from "./seal.ts";

export interface RecordCase {
  readonly name: string;
  /** What refuses it: the name's hash, the seal and header, or the content. */
  readonly level: string;
  readonly type: string;
  readonly object: string;
  readonly hex: string;
  readonly refused: boolean;
}

const salt = (name: string) => hash(Buffer.from(`salt of ${name}`));
const FINGERPRINT = derive("holdall v1 root fingerprint", KEYS.root).subarray(0, 16);
const TIME = 1_790_000_000_000n;
const extension = (id: number, critical: number): Value => [
  BigInt(id),
  BigInt(critical),
  fill(0, 4),
];

const CLAIM: Value[] = [KEYS.claim, KEYS.writer, "host", TIME, []];
const CONFIG: Value[] = [1n, KEYS.lineage, KEYS.replica, 1n, 1_790_000_000n, [[], [], [], []], []];
const DOMAIN: Value[] = [KEYS.domain, "", KEYS.idKey, KEYS.cutKey, 1n, []];
const UNIT: Value[] = [
  "files",
  1n,
  "files",
  "",
  "",
  [0n, 0n],
  [null, null, null, null],
  fill(0x31),
  fill(0x32),
  3n,
  2n,
  99n,
  [],
];
const SECTION = (unit: Value = UNIT): Value[] => [
  "",
  [Buffer.from("/srv")],
  ["tag"],
  [[1n, Buffer.from("*.tmp"), "excluded by pattern"]],
  [unit],
  [[0n, "root"]],
  [[0n, "root"]],
  [[Buffer.from("/srv/gone"), "it vanished"]],
  [],
];
const section = (content: Value[], name: string) =>
  sealRecord("section", encode(content), salt(name));
const SNAPSHOT = (part: Buffer, flags: Value = [[], [], [], []]): Value[] => [
  KEYS.snapshot,
  "",
  "host",
  TIME,
  KEYS.writer,
  1n,
  [],
  KEYS.claim,
  null,
  "holdall",
  flags,
  [[objectName(part), part]],
  [],
];
const replace = (list: Value[], at: number, value: Value) =>
  list.map((v, i) => (i === at ? value : v));

function record(name: string, type: string, content: Value[], level = "content"): RecordCase {
  return stored(name, level, type, sealRecord(type, encode(content), salt(name)));
}

function stored(
  name: string,
  level: string,
  type: string,
  bytes: Buffer,
  object = objectName(bytes),
): RecordCase {
  const refused = !name.startsWith("good-");
  return { name, level, type, object, hex: bytes.toString("hex"), refused };
}

function tampered(): RecordCase[] {
  const seal = (name: string, t: Twist, after: (b: Buffer) => Buffer = (b) => b) =>
    stored(name, "seal", "claim", after(sealRecord("claim", encode(CLAIM), salt(name), t)));
  const head = (name: string, at: number, value: number) =>
    seal(name, {}, (b) => Buffer.concat([b.subarray(0, at), Buffer.of(value), b.subarray(at + 1)]));
  const whole = sealRecord("claim", encode(CLAIM), salt("good-claim"));
  return [
    stored("renamed-object", "name", "claim", whole, `${"00".repeat(32)}-${"aa".repeat(16)}`),
    head("foreign-magic", 0, 0x48),
    head("newer-format-version", 7, 2),
    head("type-of-another-object", 8, 8),
    head("unknown-suite", 9, 2),
    head("key-encapsulation-in-version-1", 10, 1),
    head("unknown-header-flag", 12, 1),
    head("flipped-bit/salt", 20, 0xff),
    seal("flipped-bit", {}, (b) => {
      b[100] = (b[100] ?? 0) ^ 1;
      return b;
    }),
    seal("commitment-of-another-key", { source: fill(0x77) }),
    seal("truncated-gcm-tag", {}, (b) => b.subarray(0, -1)),
    seal("truncated-gcm-tag/twelve-bytes-left", {}, (b) => b.subarray(0, -4)),
    seal("truncated-to-the-header", {}, (b) => b.subarray(0, 80)),
    seal("record-moved-to-another-name", { upload: fill(0xbb, 16) }),
    seal("record-of-another-replica", { binding: fill(0x44, 16) }),
    seal("record-of-another-lineage", { lineage: fill(0x44, 16) }),
    seal("wrong-inner-length", {
      plain: (p) => {
        p.writeUInt32LE(0xfffffff0);
        return p;
      },
    }),
    seal("padding-not-zero", {
      plain: (p) => {
        p[p.length - 1] = 1;
        return p;
      },
    }),
    seal("padding-of-another-length", { plain: (p) => Buffer.concat([p, fill(0, 64)]) }),
  ];
}

function contents(): RecordCase[] {
  const part = section(SECTION(), "good-section");
  const bad = (unit: Value) => SNAPSHOT(section(SECTION(unit), "a section"));
  return [
    record("good-config", "config", CONFIG),
    record("good-domain", "domain", DOMAIN),
    record("good-epoch", "epoch", [KEYS.epoch, KEYS.domain, KEYS.epochKey, []]),
    ...KEYS.roles.map((key, i) => record(`good-role/${i + 1}`, "role", [BigInt(i + 1), key, []])),
    stored("good-section", "content", "section", part),
    record("good-snapshot", "snapshot", SNAPSHOT(part)),
    record("good-claim", "claim", CLAIM),
    record("good-end", "end", [KEYS.claim, []]),
    record(
      "good-claim/with-an-extension-to-pass-over",
      "claim",
      replace(CLAIM, 4, [extension(99, 0)]),
    ),
    record("field-missing", "claim", CLAIM.slice(0, 4)),
    record("field-missing/config", "config", CONFIG.slice(0, 6)),
    record(
      "extension-out-of-order",
      "claim",
      replace(CLAIM, 4, [extension(2, 0), extension(1, 0)]),
    ),
    record("extension-twice", "claim", replace(CLAIM, 4, [extension(1, 0), extension(1, 0)])),
    record("extension-half-critical", "claim", replace(CLAIM, 4, [extension(99, 2)])),
    record("unknown-critical-extension", "claim", replace(CLAIM, 4, [extension(99, 1)])),
    record("unknown-critical-extension/domain", "domain", replace(DOMAIN, 5, [extension(99, 1)])),
    record("config-of-another-version", "config", replace(CONFIG, 0, 2n)),
    record("unknown-read-flag", "config", replace(CONFIG, 5, [["later"], [], [], []])),
    record("unknown-read-flag/snapshot", "snapshot", SNAPSHOT(part, [["later"], [], [], []])),
    record("unit-of-unknown-class", "snapshot", bad(replace(UNIT, 1, 7n))),
    record("domain-of-unknown-cutter", "domain", replace(DOMAIN, 4, 3n)),
  ];
}

/** Names of two objects, ascending, as a condemned list has them. */
const NAMES = [0x31, 0x32].map((byte) => Buffer.concat([fill(byte), UPLOAD]));

function deleting(): RecordCase[] {
  const tagged = (name: string, type: string, fields: Value[], admin?: Buffer, size?: number) =>
    stored(name, "content", type, sealTagged(type, fields, salt(name), admin, size));
  const [first = fill(0), second = fill(0)] = NAMES;
  const list: Value[] = [[first, second], [first], [], []];
  const other = fill(0x25, 16);
  const both = (type: string): RecordCase[] => [
    record(`good-${type}`, type, [KEYS.claim, KEYS.sweep, []]),
    record(`field-missing/${type}`, type, [KEYS.claim, []]),
    record(`record-of-another-claim/${type}`, type, [other, KEYS.sweep, []]),
  ];
  const kinds: [string, Value[]][] = [
    ["fence", [KEYS.claim, []]],
    ["condemned", list],
    ["tombstone", [first, []]],
  ];
  return [
    record("record-of-another-claim", "claim", replace(CLAIM, 0, other)),
    record("record-of-another-claim/end", "end", [other, []]),
    ...both("intent"),
    ...both("withdrawn"),
    ...kinds.flatMap(([type, fields]) => [
      tagged(`good-${type}`, type, fields),
      tagged(`tag-of-another-key/${type}`, type, fields, KEYS.roles[0]),
      tagged(`tag-cut-short/${type}`, type, fields, undefined, 31),
      record(`field-missing/${type}`, type, fields),
      tagged(`unknown-critical-extension/${type}`, type, [
        ...fields.slice(0, -1),
        [extension(99, 1)],
      ]),
    ]),
    tagged("record-of-another-claim/fence", "fence", [other, []]),
    tagged("names-out-of-order", "condemned", [[second, first], [], [], []]),
    tagged("names-out-of-order/twice", "condemned", [[], [first, first], [], []]),
    tagged("name-of-odd-length", "condemned", [[], [], [first.subarray(1)], []]),
    tagged("name-of-odd-length/tombstone", "tombstone", [first.subarray(1), []]),
  ];
}

function slots(): RecordCase[] {
  const content: Value[] = [KEYS.root, KEYS.lineage, "label", 1_790_000_000n, []];
  const slot = (name: string, clear: Value[], wrap = KEYS.secret) =>
    stored(name, "slot", "slot", sealSlot(clear, content, wrap, salt(name)));
  const good: Value[] = [3n, FINGERPRINT, 0n, 0n, 0n, []];
  const phrase = Buffer.from("correct horse");
  const cheap = { m: 64, t: 1, p: 1, dkLen: 32, version: 0x13 };
  const wrap = Buffer.from(argon2id(phrase, salt("good-slot/passphrase"), cheap));
  return [
    slot("good-slot", good),
    slot("good-slot/passphrase", [1n, FINGERPRINT, 64n, 1n, 1n, []], wrap),
    slot("kdf-above-ceiling", [1n, FINGERPRINT, 4194305n, 1n, 1n, []]),
    slot("kdf-above-ceiling/passes", [1n, FINGERPRINT, 64n, 65n, 1n, []]),
    slot("kdf-above-ceiling/lanes", [1n, FINGERPRINT, 65536n, 1n, 65n, []]),
    slot("key-file-slot-with-kdf-cost", [3n, FINGERPRINT, 64n, 1n, 1n, []]),
    slot("slot-of-another-root", [3n, fill(0, 16), 0n, 0n, 0n, []]),
    slot("unknown-critical-extension/slot", [...good.slice(0, 5), [extension(99, 1)]]),
    slot("field-missing/slot", good.slice(0, 5)),
  ];
}

function derivations() {
  const hex = (b: Buffer) => b.toString("hex");
  const typeKey = derive("holdall v1 type claim", KEYS.roles[0] ?? fill(0));
  const object = xof64("holdall v1 object", typeKey, KEYS.lineage, fill(0x40));
  return {
    root: hex(KEYS.root),
    fingerprint: hex(FINGERPRINT),
    idKey: hex(KEYS.idKey),
    ids: ID_KEYS.map(hex),
    role: hex(KEYS.roles[0] ?? fill(0)),
    lineage: hex(KEYS.lineage),
    salt: hex(fill(0x40)),
    typeKey: hex(typeKey),
    objectKey: hex(object.subarray(0, 32)),
    commitment: hex(object.subarray(32)),
    header: hex(header("claim", fill(0x40), object.subarray(32))),
    slotKey: hex(xof64("holdall v1 slot", KEYS.secret, fill(0x40))),
  };
}

/** Text with a hole in it: noise, zeros, and lines. */
export function cutInput(): Buffer {
  const noise = Buffer.from(blake3(Buffer.from("holdall cut points"), { dkLen: 700_000 }));
  return Buffer.concat([noise, fill(0, 300_000), Buffer.from("a line of a log\n".repeat(20_000))]);
}

function cutting() {
  const points = (cutter: number) => cuts(cutter, KEYS.cutKey, cutInput());
  return { key: KEYS.cutKey.toString("hex"), aes: points(1), gear: points(2) };
}

function digestCase() {
  const part = (text: string) => [{ at: 0n, bytes: Buffer.from(text) }];
  const big = Buffer.alloc(1_500_000, "holdall ");
  const name = (n: string) => Buffer.from(n);
  const inner = derive("holdall v1 content folder", item(name("x"), 5, 0n, Buffer.alloc(32)));
  const bodies: [string, number, bigint, Buffer][] = [
    ["big", 0, 1_500_000n, fileBody(1_500_000n, [{ at: 0n, bytes: big }])],
    ["empty", 0, 0n, fileBody(0n, [])],
    ["folder", 1, 0n, inner],
    ["hole", 0, 3_000_000n, fileBody(3_000_000n, [{ at: 2_500_000n, bytes: Buffer.from("end") }])],
    ["link", 2, 5n, hash(Buffer.from("../to"))],
    ["small", 0, 5n, fileBody(5n, part("small"))],
  ];
  const items = bodies.map(([n, kind, size, body]) => item(name(n), kind, size, body));
  const top = derive("holdall v1 content folder", ...items);
  return {
    entries: bodies.map(([n, , , b]) => [n, b.toString("hex")]),
    digest: top.toString("hex"),
  };
}

export function make() {
  return {
    encoding: encodingCases(),
    keys: derivations(),
    records: [...slots(), ...contents(), ...tampered(), ...deleting(), ...runCases()],
    packs: packCases(),
    pages: pageCases(),
    cutting: cutting(),
    padme: [0, 1, 255, 256, 257, 1000, 4096, 4097, 65_537, 1 << 20, 16_777_217].map((n) => [
      n,
      padme(n),
    ]),
    digest: digestCase(),
  };
}
