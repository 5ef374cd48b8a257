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
  Traffic,
} from "../../src/index.ts";
import { steadyContract, TICK, watch } from "../contract/steady.ts";
import { pair, writeFiles } from "../support/pair.ts";
import { temporary } from "../support/tree.ts";

steadyContract("memory", (traffic) => counted(openMemoryStore(), traffic));

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
