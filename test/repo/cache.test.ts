/** What the cache of a far store spares, and what it is never believed for. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import {
  addKey,
  backup,
  check,
  counted,
  list,
  openRepository,
  removeKey,
  type Secret,
  Traffic,
} from "../../src/index.ts";
import { Cache } from "../../src/repo/cache.ts";
import { writeFiles } from "../support/pair.ts";
import { sourced } from "../support/sourced.ts";
import { newStore } from "../support/where.ts";

vi.setConfig({ testTimeout: 60_000 });

/** A repository in a bucket, whose clients keep what they read. */
async function cached() {
  const traffic = new Traffic();
  const w = await sourced(counted(newStore(), traffic));
  const base = join(w.place.path, "cache");
  writeFiles(w.source, 3, 40);
  const open = (secret: Secret = w.secret) =>
    openRepository(w.store, secret, w.runtime, { cache: base });
  /** Gets that an act takes. */
  const gets = async (act: () => Promise<unknown>) => {
    const before = traffic.requests.get;
    await act();
    return traffic.requests.get - before;
  };
  return {
    ...w,
    ...{ base, open, gets },
    save: async () => backup(w.runtime, await open(), w.options),
    /** Files of one folder of the caches there are. */
    kept(kind: string) {
      const all = readdirSync(base, { recursive: true, encoding: "utf8" });
      return all.filter((path) => path.split("/")[1] === kind && path.split("/").length === 3);
    },
  };
}

/** Changes or cuts the middle of each. */
function damage(base: string, files: readonly string[], cut: boolean): void {
  for (const file of files) {
    const bytes = readFileSync(join(base, file));
    const middle = bytes.length >> 1;
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    writeFileSync(join(base, file), cut ? bytes.subarray(0, middle) : bytes);
  }
}

it("spares reading the pages of the snapshot before; damaged, it is as if it were not there", async () => {
  const w = await cached();
  using _ = w.place;
  await w.save();
  expect(w.kept("page")).toHaveLength(1);
  const spared = await w.gets(w.save);
  expect(spared).toBe(1);
  for (const cut of [false, true]) {
    const kept = w.kept("page");
    damage(w.base, kept, cut);
    expect(
      await w.gets(async () => expect((await w.save()).newBytes).toBeLessThan(2000)),
    ).toBeGreaterThan(spared);
  }
  damage(w.base, [...w.kept("config"), ...w.kept("key")], false);
  expect(await w.gets(w.open)).toBe(1 + 1 + 5);
  expect(await w.gets(w.open)).toBe(1);
});

it("is asked for pages, and not by whoever says whether the store has them", async () => {
  const w = await cached();
  using _ = w.place;
  const { snapshot } = await w.save();
  const [page = ""] = w.kept("page").map((path) => path.slice(-97));
  const path = `packs/${page.slice(0, 2)}/${page}`;
  await w.objects.change(path, (bytes) => bytes.fill(0, 100, 200));
  const found: string[] = [];
  const look = (path: string) =>
    list(repository, snapshot, Buffer.from(path), true, (row) => found.push(`${row.path}`));
  const repository = await w.open();
  await look("/");
  expect(found.length).toBeGreaterThan(40);
  expect((await check(w.runtime, repository, { read: 0 })).problems).not.toEqual([]);
});

it("knows which slot opened last, and opens with another when that is gone", async () => {
  const w = await cached();
  using _ = w.place;
  const other: Secret = { kind: "keyfile", bytes: randomBytes(32) };
  await addKey(w.runtime, await w.open(), other);
  await w.open();
  expect(await w.gets(w.open)).toBe(1);
  const own = (await w.open()).slot;
  expect((await w.open(other)).slot).not.toBe(own);
  await removeKey(await w.open(other), own.slice(-97, -80));
  await w.open(other);
  await expect(w.open()).rejects.toMatchObject({ code: "wrong_secret" });
  expect((await w.open(other)).slot).not.toBe(own);
});

it("drops what is not listed, and the oldest of what is too much", async () => {
  const w = await cached();
  using _ = w.place;
  const cache = await Cache.open(w.base, Buffer.alloc(16, 1), "there");
  const names = [1, 2, 3, 4].map((n) => `${`${n}`.repeat(64)}-${"0".repeat(32)}`);
  for (const [at, name] of names.entries()) {
    await cache?.keep("page", name, Buffer.alloc(100), randomBytes(8));
    utimesSync(cache?.path("page", name) ?? "", at, at);
  }
  const left = () =>
    w
      .kept("page")
      .map((path) => path.slice(-97).slice(0, 1))
      .sort();
  await cache?.dropOthers("page", new Set(names.slice(1)), 0, 1000);
  expect(left()).toEqual(["2", "3", "4"]);
  await cache?.dropOthers("page", new Set(names), 0, 250);
  expect(left()).toEqual(["3", "4"]);
});
