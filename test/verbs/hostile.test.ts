/**
 * Manifests that an enemy with the key has sealed anew: whatever their names and kinds say, a
 * restore touches nothing outside its target, and says what is wrong.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openRepository, restore, systemRuntime, toFailure } from "../../src/index.ts";
import { keyed } from "../oracle/crypto.ts";
import { pack as encode, type Value } from "../oracle/encoding.ts";
import { type Change, entry, leaf } from "../oracle/vectors/pages.ts";
import { fill, ID_KEYS, KEYS, objectName, type Part, sealPack } from "../oracle/vectors/seal.ts";
import { fixture } from "../support/library.ts";
import { temporary } from "../support/tree.ts";
import { type Objects, objectsOf, storeAt } from "../support/where.ts";

const RECORDS = join(import.meta.dirname, "../oracle/vectors/records.json");
const KINDS: Record<string, string> = {
  "good-slot": "slots",
  "good-config": "config",
  "good-domain": "keys",
  "good-epoch": "keys",
  "good-role/1": "keys",
  "good-role/2": "keys",
  "good-role/3": "keys",
};

/** An empty repository of the vectors' keys. */
async function empty({ write }: Objects): Promise<void> {
  const records = JSON.parse(readFileSync(RECORDS, "utf8")) as Record<string, string>[];
  for (const { name = "", object = "", hex = "" } of records) {
    const folder = KINDS[name];
    if (folder !== undefined) await write(`${folder}/${object}`, Buffer.from(hex, "hex"));
  }
}

/** The manifest pages of one case: the first is the root. */
class Pages {
  readonly all: Buffer[] = [];
  readonly blocks: Part[] = [];

  /** A block of data; each chunk has the id of what it is said to be. */
  data(...chunks: { bytes: Buffer; said?: Buffer }[]): Buffer[] {
    const ids = chunks.map(({ bytes, said }) => keyed(ID_KEYS[0] ?? fill(0), said ?? bytes));
    const payload = Buffer.concat(chunks.map(({ bytes }) => bytes));
    const rows = chunks.map(({ bytes }, at) => [ids[at] ?? fill(0), bytes.length]);
    const plain = payload.length;
    this.blocks.push({ kind: 0, codec: 0, plain, payload, chunks: rows as Part["chunks"] });
    return ids;
  }

  add(page: Value): Buffer {
    const bytes = encode(page);
    this.all.push(bytes);
    return keyed(ID_KEYS[1] ?? fill(0), bytes);
  }

  leaf(...entries: Change[]): Buffer {
    return this.add(leaf(...entries.map(entry)));
  }

  /** Packs of data and of pages. */
  sealed(): Buffer[] {
    const parts = this.all.map((payload): Part => {
      const id = keyed(ID_KEYS[1] ?? fill(0), payload);
      const chunks: Part["chunks"] = [[id, payload.length]];
      return { kind: 1, codec: 0, plain: payload.length, payload, chunks };
    });
    const data = this.blocks.length > 0 ? [sealPack(this.blocks, fill(0x78))] : [];
    return [...data, sealPack(parts, fill(0x77))];
  }
}

const SUMMARY: Value = [1n, 1n, 0n];
const folder = (name: string | Buffer, page: Buffer): Change => ({
  name,
  kind: 1n,
  mode: 0o755n,
  content: [page, SUMMARY],
});
const symlink = (name: string, to: string): Change => ({
  name,
  kind: 2n,
  size: BigInt(to.length),
  content: Buffer.from(to),
});

type Make = (pages: Pages, outside: string) => Buffer;
const named =
  (name: string): Make =>
  (p) =>
    p.leaf({ name });

const REFUSED: [string, Make][] = [
  ["a name that is the folder above", named("..")],
  ["a name that is the folder itself", named(".")],
  ["a name of several folders", named("../escaped")],
  ["a name from the root", (p, outside) => p.leaf({ name: join(outside, "escaped") })],
  ["an empty name", named("")],
  ["a name with an end inside", named("escaped\0name")],
  ["a folder above", (p) => p.leaf(folder("..", p.leaf({ name: "escaped" })))],
  [
    "a symlink, then a folder of the same name",
    (p, outside) => p.leaf(symlink("x", outside), folder("x", p.leaf({ name: "escaped" }))),
  ],
  [
    "a symlink, then a folder of the same name in the next page",
    (p, outside) => {
      const below = p.leaf({ name: "escaped" });
      const [one, two] = [p.leaf(symlink("x", outside)), p.leaf(folder("x", below))];
      const child = (id: Buffer): Value => [Buffer.from("x"), id, SUMMARY];
      const second: Value = [Buffer.from("y"), two, SUMMARY];
      return p.add([2n, [child(one), second], []]);
    },
  ],
  ["a folder whose page is none", (p) => p.leaf(folder("x", fill(0x55)))],
  ["a folder whose page holds hints", (p) => p.leaf(folder("x", p.add([4n, fill(0, 0), []])))],
];

/** Whether the symlink in the target gives way to what is restored. */
const LEGAL: [string, boolean, Make][] = [
  [
    "a symlink to the outside beside a file of its group",
    false,
    (p, outside) =>
      p.leaf({ ...symlink("a", join(outside, "kept")), link: 7n }, { name: "b", link: 7n }),
  ],
  [
    "a folder where the target has a symlink",
    true,
    (p) => p.leaf(folder("d", p.leaf({ name: "kept" }))),
  ],
  ["a file where the target has a symlink", true, (p) => p.leaf({ name: "d" })],
];

/** Names, kinds, modes, times and contents. */
function picture(path: string): unknown[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const at = join(path, name);
      const { mode, mtimeMs, ctimeMs, nlink } = lstatSync(at);
      const text = lstatSync(at).isFile() ? readFileSync(at, "utf8") : "";
      return [name, mode, mtimeMs, ctimeMs, nlink, text];
    });
}

async function attempt(make: Make) {
  const place = temporary();
  const at = (name: string) => join(place.path, name);
  const outside = at("outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "kept"), "kept");
  mkdirSync(at("target"));
  symlinkSync(outside, at("target/d"));
  // A true snapshot lends all but its root.
  mkdirSync(at("true"));
  const lender = await fixture(at("true"));
  const { snapshot } = await lender.save([outside]);
  const store = storeAt(at("repo"));
  const objects = objectsOf(store);
  await empty(objects);
  const pages = new Pages();
  const root = make(pages, outside);
  for (const pack of pages.sealed()) {
    const name = objectName(pack);
    await objects.write(`packs/${name.slice(0, 2)}/${name}`, pack);
  }
  const messages: string[] = [];
  const runtime = systemRuntime({
    emit: (e) => {
      if (e.event === "trouble") messages.push(e.message);
    },
  });
  const secret = { kind: "keyfile", bytes: KEYS.secret } as const;
  const repository = await openRepository(store, secret, runtime);
  const [unit] = snapshot.section.units;
  if (unit === undefined) throw new Error("a snapshot without a unit");
  const forged = {
    ...snapshot,
    section: { ...snapshot.section, units: [{ ...unit, root, hints: null }] },
  };
  const before = picture(outside);
  const beside = readdirSync(place.path).sort();
  for (const all of [false, true]) {
    const options = { path: Buffer.from("/"), target: at("target"), delete: all, workers: 1 };
    await restore(runtime, repository, forged, options).catch((error: unknown) => {
      messages.push(toFailure(error).message);
      expect(toFailure(error).code).toBe("damaged");
    });
    expect(picture(outside)).toEqual(before);
    expect(readdirSync(place.path).sort()).toEqual(beside);
  }
  return { place, at, messages };
}

it.each(REFUSED)("%s is refused and reaches nothing outside", async (_name, make) => {
  const { place, messages } = await attempt(make);
  using _ = place;
  expect(messages.join("\n")).toMatch(/not a name|in order|follow|hints|no pack/);
});

it.each(LEGAL)("%s reaches nothing outside", async (_name, replaces, make) => {
  const { place, at } = await attempt(make);
  using _ = place;
  expect(lstatSync(at("target/d")).isSymbolicLink()).toBe(!replaces);
});

it("a chunk that is not what its id says costs its file, and none of its neighbours", async () => {
  const [first, second, third] = [1, 2, 3].map((n) => Buffer.alloc(4096, n)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const { place, at, messages } = await attempt((p) => {
    const ids = p.data({ bytes: first }, { bytes: fill(9, 4096), said: second }, { bytes: third });
    const other = [ids[0], ids[2]] as Buffer[];
    return p.leaf(
      { name: "bad", size: 12_288n, content: Buffer.concat(ids) },
      { name: "good", size: 8192n, content: Buffer.concat(other) },
    );
  });
  using _ = place;
  expect(messages.filter((m) => /holds other bytes/.test(m))).toHaveLength(2);
  expect(readFileSync(at("target/bad"))).toEqual(Buffer.concat([first, Buffer.alloc(4096), third]));
  expect(readFileSync(at("target/good"))).toEqual(Buffer.concat([first, third]));
});
