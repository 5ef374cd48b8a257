/**
 * Prunes beside writers, one step of the one put between two of the other: what was fenced begins
 * again, what was acknowledged stays, and records that are damaged or forged take nothing away.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import {
  backup,
  check,
  Failure,
  forget,
  hex,
  openRepository,
  prune,
  restore,
  type Store,
  undelete,
} from "../../src/index.ts";
import { systemFiles } from "../../src/store/files.ts";
import { openFolderStore } from "../../src/store/fs.ts";
import { noise } from "../support/noise.ts";
import { NOW, sourced } from "../support/sourced.ts";
import { differences } from "../support/tree.ts";
import { BUCKET, newStore } from "../support/where.ts";

vi.setConfig({ testTimeout: 60_000 });

/** The same store; `act` runs once, before or after the first put below a folder. */
function at(store: Store, folder: string, when: "before" | "after", act: () => Promise<unknown>) {
  let left = 1;
  const hooked: Store = {
    ...store,
    async put(name, bytes, signal, claim) {
      const due = name.startsWith(folder) && left-- > 0;
      if (due && when === "before") await act();
      const token = await store.put(name, bytes, signal, claim);
      if (due && when === "after") await act();
      return token;
    },
  };
  return hooked;
}

it.each([
  ["packs/", "after"],
  ["index/", "after"],
  ["snapshots/", "before"],
] as const)(
  "a backup that is fenced (%s %s its put) begins again and says so",
  async (folder, when) => {
    const w = await sourced(newStore());
    using place = w.place;
    w.write("old", 1);
    const first = await w.save([w.source]);
    rmSync(join(w.source, "old"));
    await forget(w.runtime, await w.open(), { snapshots: [hex(first.snapshot.id)] });
    w.write("old", 1);
    w.write("new", 2);
    // The backup relies on packs that only the forgotten snapshot needed.
    const hooked = at(w.store, folder, when, async () => prune(w.runtime, await w.open(), NOW));
    const repository = await openRepository(hooked, w.secret, w.runtime);
    const { snapshot } = await backup(w.runtime, repository, w.options);
    const said = w.events.filter((e) => e.event === "warning").map((e) => e.message);
    expect(said).toEqual([expect.stringMatching(/begins again under a new claim/)]);
    const out = join(place.path, "out");
    expect((await w.bring(snapshot, w.source, out)).troubles).toBe(0);
    expect(differences(w.source, out)).toEqual([]);
    const known = await (await w.open()).snapshots();
    expect(known.snapshots.map((s) => hex(s.id))).toEqual([hex(snapshot.id)]);
    expect((await check(w.runtime, await w.open(), { read: 1 })).problems).toEqual([]);
  },
);

it("a snapshot that a sweep found is acknowledged, and its claim settled", async () => {
  const w = await sourced(newStore());
  using place = w.place;
  w.write("a", 1);
  const hooked = at(w.store, "snapshots/", "after", async () =>
    prune(w.runtime, await w.open(), NOW),
  );
  const repository = await openRepository(hooked, w.secret, w.runtime);
  w.write("b", 2);
  const { snapshot } = await backup(w.runtime, repository, w.options);
  expect(w.events.filter((e) => e.event === "warning")).toEqual([]);
  await prune(w.runtime, await w.open(), NOW);
  const out = join(place.path, "out");
  expect((await w.bring(snapshot, w.source, out)).troubles).toBe(0);
});

it("a young writer is not fenced: what it may need is left to the next prune", async () => {
  const w = await sourced(newStore());
  using place = w.place;
  w.write("old", 1);
  const first = await w.save([w.source]);
  await forget(w.runtime, await w.open(), { snapshots: [hex(first.snapshot.id)] });
  w.write("new", 2);
  const results: Awaited<ReturnType<typeof prune>>[] = [];
  const hooked = at(w.store, "snapshots/", "before", async () => {
    results.push(await prune(w.runtime, await w.open(), { wait: 0 }));
  });
  const repository = await openRepository(hooked, w.secret, w.runtime);
  const { snapshot } = await backup(w.runtime, repository, w.options);
  expect(results).toMatchObject([{ waiting: 1, hosts: ["test"], packs: 0 }]);
  expect(w.events.filter((e) => e.event === "warning")).toEqual([]);
  expect(await w.names("fences/")).toEqual([]);
  const later = await prune(w.runtime, await w.open(), { wait: 0 });
  expect(later).toMatchObject({ waiting: 0, snapshots: 1 });
  const out = join(place.path, "out");
  expect((await w.bring(snapshot, w.source, out)).troubles).toBe(0);
});

it.each([
  // A writer that looks for fences ends early, and finds all of it in its second attempt.
  ["for long", 31_000, 1_000_000],
  // Another one learns of it at its end, and needs to read nothing again.
  ["shortly", 0, 21_000_000],
])("what a writer at work %s has stored is not condemned, though it is fenced", async (...row) => {
  const [, pace, most] = row;
  const w = await sourced(newStore());
  using _ = w.place;
  w.write("small", 2);
  const first = await w.save([w.source]);
  await forget(w.runtime, await w.open(), { snapshots: [hex(first.snapshot.id)] });
  rmSync(join(w.source, "small"));
  w.write("big", 1, 20_000_000);
  const old = await w.names("packs/");
  let packs: string[] = [];
  const hooked = at(w.store, "index/", "after", async () => {
    packs = (await w.names("packs/")).filter((name) => !old.includes(name));
    await prune(w.runtime, await w.open(), NOW);
  });
  let time = w.runtime.clock.now();
  const now = () => {
    time += pace;
    return time;
  };
  const runtime = { ...w.runtime, clock: { ...w.runtime.clock, now } };
  const repository = await openRepository(hooked, w.secret, runtime);
  const result = await backup(runtime, repository, w.options);
  expect(packs.length).toBeGreaterThan(0);
  expect(await w.names("packs/")).toEqual(expect.arrayContaining(packs));
  expect((await w.names("packs/")).filter((name) => old.includes(name))).toEqual([]);
  expect(result.newBytes).toBeLessThan(most);
  expect(result.newBytes < 1_000_000).toBe(pace > 0);
});

it("a stream that is fenced at its end is not read again: what was saved of it is safe", async () => {
  const w = await sourced(newStore());
  using place = w.place;
  w.write("old", 1);
  const first = await w.save([w.source]);
  await forget(w.runtime, await w.open(), { snapshots: [hex(first.snapshot.id)] });
  const [count, text] = [join(place.path, "count"), join(place.path, "text")];
  writeFileSync(text, noise(5, 200_000));
  const command = ["sh", "-c", `echo run >> ${count}; cat ${text}`];
  const options = { ...w.options, paths: [], stream: { name: "dump", command } };
  const hooked = at(w.store, "snapshots/", "before", async () =>
    prune(w.runtime, await w.open(), NOW),
  );
  const repository = await openRepository(hooked, w.secret, w.runtime);
  const { snapshot } = await backup(w.runtime, repository, options);
  expect(readFileSync(count, "utf8")).toBe("run\n");
  const out = join(place.path, "out");
  await w.bring(snapshot, "/", out);
  expect(readFileSync(join(out, "dump"))).toEqual(noise(5, 200_000));
});

it("a prune waits for writers, and goes on when they have ended", async () => {
  const w = await sourced(newStore());
  using _ = w.place;
  w.write("a", 1);
  const first = await w.save([w.source]);
  await forget(w.runtime, await w.open(), { snapshots: [hex(first.snapshot.id)] });
  let waiting: ReturnType<typeof prune> | undefined;
  const hooked = at(w.store, "snapshots/", "before", async () => {
    waiting = prune(w.runtime, await w.open(), { wait: 30_000 });
    await new Promise((resolve) => setTimeout(resolve, 300));
  });
  const repository = await openRepository(hooked, w.secret, w.runtime);
  await backup(w.runtime, repository, w.options);
  expect(await waiting).toMatchObject({ waiting: 0, snapshots: 1 });
  expect(await w.names("fences/")).toEqual([]);
  const said = w.events.filter((e) => e.event === "warning").map((e) => e.message);
  expect(said).toEqual(["waits for writers at work: test"]);
});

it("a put that the store never answered is believed when it is listed, and repeated when not", async () => {
  for (const lands of [true, false]) {
    const w = await sourced(newStore());
    using place = w.place;
    w.write("a", 1);
    let left = 1;
    const mute: Store = {
      ...w.store,
      async put(name, bytes, signal, claim) {
        if (!name.startsWith("snapshots/") || left-- <= 0) {
          return w.store.put(name, bytes, signal, claim);
        }
        if (lands) await w.store.put(name, bytes, signal, claim);
        throw new Failure("store_io", "no answer");
      },
    };
    const repository = await openRepository(mute, w.secret, w.runtime);
    const { snapshot } = await backup(w.runtime, repository, w.options);
    expect(w.events.filter((e) => e.event === "warning")).toHaveLength(lands ? 0 : 1);
    const known = await (await w.open()).snapshots();
    expect(known.snapshots.map((s) => hex(s.id))).toEqual([hex(snapshot.id)]);
    const out = join(place.path, "out");
    expect((await w.bring(snapshot, w.source, out)).troubles).toBe(0);
  }
});

it("a restore with an old index lists again when a prune has moved what it wants", async () => {
  const w = await sourced(newStore());
  using place = w.place;
  w.write("kept", 1);
  w.write("gone", 2, 4_000_000);
  const first = await w.save([w.source]);
  rmSync(join(w.source, "gone"));
  const second = await w.save([w.source]);
  await forget(w.runtime, await w.open(), { snapshots: [hex(first.snapshot.id)] });
  let left = 1;
  const slow: Store = {
    ...w.store,
    async get(name, range, signal) {
      if (name.startsWith("packs/") && left-- > 0) {
        await prune(w.runtime, await w.open(), { ...NOW, maxUnused: 0 });
      }
      return w.store.get(name, range, signal);
    },
  };
  const before = await w.names("packs/");
  const repository = await openRepository(slow, w.secret, w.runtime);
  const out = join(place.path, "out");
  const where = { path: Buffer.from(w.source), target: out, workers: 2 };
  const result = await restore(w.runtime, repository, second.snapshot, where);
  expect((await w.names("packs/")).filter((name) => before.includes(name)).length).toBeLessThan(
    before.length,
  );
  expect(result.troubles).toBe(0);
  expect(differences(w.source, out)).toEqual([]);
});

it("a cache from before a prune changes nothing", async () => {
  const w = await sourced(newStore());
  using place = w.place;
  const cache = join(place.path, "cache");
  w.write("a", 1);
  w.write("b", 2, 3_000_000);
  const cached = () => openRepository(w.store, w.secret, w.runtime, { cache });
  const first = await backup(w.runtime, await cached(), w.options);
  await (await cached()).index();
  rmSync(join(w.source, "b"));
  const second = await backup(w.runtime, await cached(), w.options);
  await forget(w.runtime, await w.open(), { snapshots: [hex(first.snapshot.id)] });
  await prune(w.runtime, await w.open(), { ...NOW, maxUnused: 0 });
  w.write("b", 2, 3_000_000);
  const third = await backup(w.runtime, await cached(), w.options);
  expect(third.newBytes).toBeGreaterThan(2_900_000);
  for (const [i, { snapshot }] of [second, third].entries()) {
    const out = join(place.path, `out${i}`);
    expect((await w.bring(snapshot, w.source, out)).troubles).toBe(0);
  }
  expect(w.events.filter((e) => e.event === "warning")).toEqual([]);
  expect((await check(w.runtime, await cached(), { read: 1 })).problems).toEqual([]);
});

/** Only a folder has temporary names. */
it.runIf(BUCKET === null)(
  "temporary names of ended and fenced writers go, those of writers at work stay",
  async () => {
    const w = await sourced();
    using place = w.place;
    const root = join(place.path, "repo");
    w.write("a", 1);
    const { snapshot } = await w.save([w.source]);
    const [shard = ""] = readdirSync(join(root, "packs"));
    const temp = (claim: string) => join(root, "packs", shard, `.tmp-${claim}-0123456789abcdef`);
    const [ended, unknown] = [hex(snapshot.claim), "ab".repeat(16)];
    for (const claim of [ended, unknown, ""]) writeFileSync(temp(claim), "left");
    let open = "";
    const hooked = at(w.store, "snapshots/", "before", async () => {
      const claims = await w.names("claims/");
      open = claims.map((name) => name.slice(-32)).find((claim) => claim !== ended) ?? "";
      writeFileSync(temp(open), "at work");
      await prune(w.runtime, await w.open(), { wait: 0 });
    });
    const repository = await openRepository(hooked, w.secret, w.runtime);
    await backup(w.runtime, repository, w.options);
    const left = readdirSync(join(root, "packs", shard)).filter((name) => name.startsWith("."));
    expect(left.sort()).toEqual(
      [temp(""), temp(open)].map((p) => p.slice(p.lastIndexOf("/") + 1)).sort(),
    );
    expect(readFileSync(temp(open), "utf8")).toBe("at work");
    await prune(w.runtime, await w.open(), NOW);
    expect(readdirSync(join(root, "packs", shard)).filter((n) => n.startsWith("."))).toHaveLength(
      1,
    );
  },
);

it.runIf(BUCKET === null)(
  "a writer whose snapshot a prune takes away half put begins again",
  async () => {
    const w = await sourced();
    using place = w.place;
    const root = join(place.path, "repo");
    w.write("old", 1);
    const first = await w.save([w.source]);
    rmSync(join(w.source, "old"));
    w.write("new", 2);
    await forget(w.runtime, await w.open(), { snapshots: [hex(first.snapshot.id)] });
    let taken = 0;
    const link: typeof systemFiles.link = async (from, to) => {
      if (to.startsWith(join(root, "snapshots")) && taken === 0) {
        await prune(w.runtime, await w.open(), NOW);
        if (!existsSync(from)) taken++;
      }
      return systemFiles.link(from, to);
    };
    const store = openFolderStore(root, { ...systemFiles, link });
    const repository = await openRepository(store, w.secret, w.runtime);
    const { snapshot } = await backup(w.runtime, repository, w.options);
    expect(taken).toBe(1);
    expect(w.said()).toEqual([expect.stringMatching(/saved again under a new claim/)]);
    expect(await w.ids()).toEqual([hex(snapshot.id)]);
    const out = join(place.path, "out");
    expect((await w.bring(snapshot, w.source, out)).troubles).toBe(0);
    expect(differences(w.source, out)).toEqual([]);
    expect((await check(w.runtime, await w.open(), { read: 1 })).problems).toEqual([]);
  },
);

it("undelete beside a prune that fences it brings back all or says that it is gone", async () => {
  const w = await sourced(newStore());
  using place = w.place;
  w.write("a", 1);
  const { snapshot } = await w.save([w.source]);
  const id = hex(snapshot.id);
  await forget(w.runtime, await w.open(), { snapshots: [id] });
  const hooked = at(w.store, "snapshots/", "before", async () =>
    prune(w.runtime, await w.open(), NOW),
  );
  const repository = await openRepository(hooked, w.secret, w.runtime);
  await expect(
    undelete(w.runtime, repository, { snapshots: [id], host: "test" }),
  ).rejects.toMatchObject({ code: "missing_object" });
  expect((await check(w.runtime, await w.open(), { read: 1 })).problems).toEqual([]);
  const again = await w.save([w.source]);
  const out = join(place.path, "out");
  expect((await w.bring(again.snapshot, w.source, out)).troubles).toBe(0);
});
