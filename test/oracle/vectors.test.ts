/** The golden vectors: made anew they are the same; the oracle and the product agree on each. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemRuntime } from "../../src/base/runtime.ts";
import { decode, encode } from "../../src/format/canonical.ts";
import { decodeConfig } from "../../src/format/config.ts";
import { allow } from "../../src/format/flags.ts";
import { decodeSection } from "../../src/format/section.ts";
import { decodeSnapshot } from "../../src/format/snapshot.ts";
import { type Kind, objectPath } from "../../src/repo/layout.ts";
import { Records } from "../../src/repo/records.ts";
import { runJob } from "../../src/seam/job.ts";
import { type Keyring, native } from "../../src/seam/native.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { hash } from "./crypto.ts";
import { table } from "./document.ts";
import { pack, unpack } from "./encoding.ts";
import { openRecord, openSlot, type Ring, takeKey } from "./object.ts";
import { verifyPack } from "./pack.ts";
import { page } from "./page.ts";
import { claimRecord, condemned, config, section, snapshot, tombstone } from "./records.ts";
import { indexRun } from "./run.ts";
import { make, type RecordCase } from "./vectors/make.ts";
import { KEYS } from "./vectors/seal.ts";

const made = make();
type Files = typeof made;
const file = (name: string) => join(import.meta.dirname, "vectors", `${name}.json`);
if (process.env.MAKE_VECTORS) {
  for (const [name, value] of Object.entries(made))
    writeFileSync(file(name), `${JSON.stringify(value, null, 1)}\n`);
}
const read = <K extends keyof Files>(name: K) =>
  JSON.parse(readFileSync(file(name), "utf8")) as Files[K];
const unhex = (hex: string) => Buffer.from(hex, "hex");
const records = read("records");
const secretOf = (c: { name: string }) =>
  c.name.includes("passphrase") || c.name.startsWith("kdf-")
    ? ({ number: 1, kind: "passphrase", bytes: Buffer.from("correct horse") } as const)
    : ({ number: 3, kind: "keyfile", bytes: KEYS.secret } as const);

/** The oracle's ring and the product's, filled from the good vectors alone. */
function rings(): { ring: Ring; keyring: Keyring } {
  const good = (prefix: string) => records.filter((r) => r.name.startsWith(prefix));
  const [slot] = good("good-slot");
  const ring = openSlot(unhex(slot?.hex ?? ""), 3, KEYS.secret);
  const keyring = native.Keyring.openSlot(unhex(slot?.hex ?? ""), "keyfile", KEYS.secret);
  if (ring === null || keyring === null) throw new Error("the good slot does not open");
  ring.replica = KEYS.replica;
  keyring.replica = KEYS.replica;
  for (const key of ["good-domain", "good-epoch", "good-role"].flatMap(good)) {
    takeKey(ring, { name: key.object, bytes: unhex(key.hex) });
    keyring.load(key.object, unhex(key.hex));
  }
  return { ring, keyring };
}

const { ring, keyring } = rings();

const CONTENTS: Record<string, (content: Buffer) => unknown> = {
  config,
  section,
  index: indexRun,
};
/** Records that deleting works with, and the folder of each. */
const DELETING = {
  claim: "claim",
  end: "claim",
  intent: "fence",
  withdrawn: "fence",
  fence: "fence",
  condemned: "condemned",
  tombstone: "tombstone",
} as const;
const isDeleting = (type: string): type is keyof typeof DELETING => type in DELETING;

function oracleReads(c: RecordCase): void {
  const bytes = unhex(c.hex);
  if (hash(bytes).toString("hex") !== c.object.slice(0, 64)) throw new Error("another name");
  if (c.type === "slot") {
    if (openSlot(bytes, secretOf(c).number, secretOf(c).bytes) === null) throw new Error("closed");
  } else if (["domain", "epoch", "role"].includes(c.type)) {
    takeKey(ring, { name: c.object, bytes });
  } else if (isDeleting(c.type)) {
    const object = { name: c.object, bytes };
    if (c.type === "condemned") condemned(ring, object);
    else if (c.type === "tombstone") tombstone(ring, object);
    else claimRecord(ring, c.type, object);
  } else {
    const content = openRecord(ring, c.type, { name: c.object, bytes });
    if (c.type === "snapshot") snapshot(ring, content);
    else CONTENTS[c.type]?.(content);
  }
}

/** As whoever deletes takes it: what has another's tag is as good as not there. */
async function readsForDeleting(
  kind: Kind & (typeof DELETING)[keyof typeof DELETING],
  c: RecordCase,
) {
  const store = openMemoryStore();
  await store.put(objectPath(kind, c.object), unhex(c.hex));
  const [found] = await new Records(store, keyring, systemRuntime()).list(kind);
  if (found?.record?.type !== c.type || found.authorised === false) throw new Error("not believed");
}

async function productReads(c: RecordCase): Promise<void> {
  if (isDeleting(c.type)) return readsForDeleting(DELETING[c.type], c);
  const bytes = unhex(c.hex);
  if (native.contentHash(bytes) !== c.object.slice(0, 64)) throw new Error("another name");
  const open = () => keyring.open(c.type, c.object, bytes);
  const readers: Record<string, () => unknown> = {
    slot: () => {
      const { kind, bytes: secret } = secretOf(c);
      if (native.Keyring.openSlot(bytes, kind, secret) === null) throw new Error("closed");
    },
    config: () => allow("read", decodeConfig(open()).flags, "repository"),
    section: () => decodeSection(open()),
    snapshot: () => decodeSnapshot(open(), (n, b) => keyring.open("section", n, b)),
    index: () => new native.Index([], []).add(keyring, c.object, bytes),
  };
  (readers[c.type] ?? (() => keyring.load(c.object, bytes)))();
}

/** A crash is no refusal: what is refused says so. */
const told = (error: unknown) => {
  const { message } = error as Error;
  return /^(internal|TypeError)|panick/.test(message) ? message : "refused";
};
const outcome = (what: () => unknown) => {
  try {
    what();
    return "read";
  } catch (error) {
    return told(error);
  }
};
const expected = (c: { refused: boolean }) => (c.refused ? "refused" : "read");

describe("the committed vectors", () => {
  it.each(Object.keys(made) as (keyof Files)[])("%s are what the encoder makes", (name) => {
    expect(read(name)).toEqual(JSON.parse(JSON.stringify(made[name])));
  });

  it("have a case of every attack that FORMAT.md names, and of no other", () => {
    const attacks = table("attack", "what is refused").rows.map(([name]) => name);
    const cases = [...records, ...read("packs"), ...read("pages"), ...read("encoding")];
    const refused = cases.filter((c) => c.refused).map((c) => c.name.split("/")[0]);
    expect([...new Set(refused)].sort()).toEqual([...new Set(attacks)].sort());
  });

  it("are mostly refusals", () => {
    const cases = [...records, ...read("packs"), ...read("pages"), ...read("encoding")];
    expect(cases.filter((c) => c.refused).length * 2).toBeGreaterThan(cases.length);
  });
});

describe("records", () => {
  it.each(records.map((c) => [c.name, c] as const))("%s", async (_, c) => {
    const product = await productReads(c).then(
      () => "read",
      (error: unknown) => told(error),
    );
    expect([outcome(() => oracleReads(c)), product]).toEqual([expected(c), expected(c)]);
  });
});

describe("packs", () => {
  it.each(read("packs").map((c) => [c.name, c] as const))("%s", async (_, c) => {
    const bytes = unhex(c.hex);
    expect(outcome(() => verifyPack(ring, bytes))).toBe(expected(c));
    const none = {
      put: () => Promise.reject(new Error()),
      fetch: async (_: string, at: number, length: number) => bytes.subarray(at, at + length),
    };
    const spec = { verb: "scrub", pack: c.object, length: bytes.length, workers: 1 } as const;
    const side = { keyring, index: new native.Index([], []) };
    const job = runJob(side, spec, none, {}, new AbortController().signal);
    const said = await job.then(
      () => "read",
      () => "refused",
    );
    expect(said).toBe(expected(c));
  });
});

describe("pages and encoding", () => {
  it.each(read("pages").map((c) => [c.name, c] as const))("%s", (_, c) => {
    expect(outcome(() => page(unhex(c.hex)))).toBe(expected(c));
    if (c.refused) return;
    const found = page(unhex(c.hex));
    const out = found.kind === "leaf" ? found.entries.filter((e) => e.refused !== null) : [];
    expect(out.map((e) => e.name.toString())).toEqual(c.leftOut ?? []);
  });

  it.each(read("encoding").map((c) => [c.name, c] as const))("%s", (_, c) => {
    const bytes = unhex(c.hex);
    expect([outcome(() => unpack(bytes)), outcome(() => decode(bytes))]).toEqual([
      expected(c),
      expected(c),
    ]);
    if (c.refused) return;
    expect(encode(decode(bytes))).toEqual(bytes);
    expect(pack(unpack(bytes))).toEqual(bytes);
  });
});
