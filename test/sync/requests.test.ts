/**
 * What is asked of a store, counted: requests are designed. The figures are those of README; they
 * hold for a store without a folder, as in a bucket.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  backup,
  counted,
  init,
  openMemoryStore,
  openRepository,
  sync,
  Traffic,
} from "../../src/index.ts";
import { type Kin, pair, writeFiles } from "../support/pair.ts";
import { temporary } from "../support/tree.ts";

/** Milliseconds after which a file is not of the tick in which it is saved, and so not doubted. */
const TICK = 20;

/** What was asked for since the last look. */
function watch(traffic: Traffic) {
  let before = { ...traffic.requests };
  return () => {
    const now = { ...traffic.requests };
    const since = (kind: "put" | "get" | "list") => now[kind] - before[kind];
    const found = { puts: since("put"), gets: since("get"), lists: since("list") };
    before = now;
    return found;
  };
}

/** A source in a bucket and a destination in another, each with a local cache. */
async function buckets(folder: string, kin: Kin) {
  const [here, there] = [new Traffic(), new Traffic()];
  const source = counted(openMemoryStore(), here);
  const target = counted(openMemoryStore(), there);
  const p = await pair(folder, source);
  await p.make(kin, target);
  const [caches, away] = [join(folder, "cache"), join(folder, "cache-there")];
  const from = () => openRepository(source, p.secret, p.runtime, { cache: caches });
  const to = () => openRepository(target, p.secretOf(kin), p.runtime, { cache: away });
  return {
    ...p,
    here: watch(here),
    there: watch(there),
    openFrom: from,
    openTo: to,
    async save() {
      const options = { host: "h", workers: 1, tool: "test", paths: [Buffer.from(p.source)] };
      return backup(p.runtime, await from(), options);
    },
    async sync() {
      return sync(p.runtime, await from(), await to(), { host: "h", workers: 1 });
    },
  };
}

/** What a cache has is not read; into a stranger the second time all of it is one pack. */
const STEADY = {
  replica: { at: 1, from: { puts: 0, gets: 3, lists: 9 }, to: { puts: 6, gets: 1, lists: 17 } },
  stranger: { at: 2, from: { puts: 0, gets: 2, lists: 8 }, to: { puts: 6, gets: 1, lists: 16 } },
} as const;

describe.each(["replica", "stranger"] as const)("syncing into a %s again and again", (kin) => {
  it("costs the fortieth time what it did the second", async () => {
    using place = temporary();
    const b = await buckets(place.path, kin);
    writeFiles(b.source, 1);
    const costs: unknown[] = [];
    for (let i = 1; i <= 40; i++) {
      writeFileSync(join(b.source, "changing"), `${i}`.repeat(5000));
      await sleep(TICK);
      await b.save();
      b.here();
      b.there();
      const { copied, problems } = await b.sync();
      expect([copied.length, problems]).toEqual([1, []]);
      costs.push({ from: b.here(), to: b.there() });
    }
    const { at, ...figures } = STEADY[kin];
    expect(costs[at]).toEqual(figures);
    expect(costs.slice(at)).toEqual(costs.slice(at).map(() => figures));
  }, 120_000);
});

describe("a store that counts", () => {
  it("is asked the stated number of times to open, to list and for an unchanged backup", async () => {
    using place = temporary();
    const traffic = new Traffic();
    const store = counted(openMemoryStore(), traffic);
    const p = await pair(place.path, store);
    const cache = join(place.path, "cache");
    const open = () => openRepository(store, p.secret, p.runtime, { cache });
    const save = async () =>
      backup(p.runtime, await open(), {
        host: "h",
        workers: 1,
        tool: "test",
        paths: [Buffer.from(p.source)],
      });
    writeFiles(p.source, 2);
    for (let i = 0; i < 12; i++) {
      writeFileSync(join(p.source, "changing"), `${i}`.repeat(5000));
      await sleep(TICK);
      await save();
    }
    const since = watch(traffic);
    const repository = await open();
    const opening = since();
    await repository.snapshots();
    const listing = since();
    await (await open()).snapshots();
    since();
    await save();
    since();
    await save();
    const unchanged = since();
    // Nothing kept: one read for each slot, config, key, snapshot and index run, and nothing else.
    const { snapshots } = await repository.snapshots();
    const runs = (await repository.list("index")).length;
    since();
    await (await openRepository(store, p.secret, p.runtime)).snapshots();
    const cold = since();
    expect(cold.gets).toBe(2 + 1 + 5 + snapshots.length);
    const bare = await openRepository(store, p.secret, p.runtime);
    since();
    await bare.index();
    expect(since()).toEqual({ puts: 0, gets: runs, lists: 2 });
    expect(opening).toEqual({ puts: 0, gets: 1, lists: 3 });
    expect(listing).toEqual({ puts: 0, gets: 0, lists: 3 });
    expect(unchanged).toEqual({ puts: 3, gets: 1, lists: 10 });
  }, 120_000);
});

it("makes a repository with few requests", async () => {
  using place = temporary();
  mkdirSync(join(place.path, "source"));
  const traffic = new Traffic();
  const { runtime, secret } = await pair(place.path);
  await init(runtime, counted(openMemoryStore(), traffic), secret);
  expect(traffic.requests).toMatchObject({ put: 8, list: 2, get: 2 });
});
