/**
 * A sync that is killed, that runs out of space, or that finds damage: what the destination has is
 * whole at every moment, the next run goes on, and nothing is silent.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  check,
  Failure,
  forget,
  type HoldallEvent,
  hex,
  initReplica,
  openMemoryStore,
  openRepository,
  prune,
  type Store,
  sync,
} from "../../src/index.ts";
import { all } from "../support/outcome.ts";
import { pair, scene, writeFiles } from "../support/pair.ts";
import { temporary } from "../support/tree.ts";
import { BUCKET } from "../support/where.ts";

/** The store until its Nth call, which happens or does not; after it, nothing is answered. */
function dying(inner: Store, at: number, after: boolean) {
  let calls = 0;
  const dead = () => new Failure("store_io", "killed");
  const call = async <T>(act: () => Promise<T>): Promise<T> => {
    calls++;
    if (calls > at || (calls === at && !after)) throw dead();
    const result = await act();
    if (calls >= at) throw dead();
    return result;
  };
  const store: Store = {
    ...inner,
    put: (...args) => call(() => inner.put(...args)),
    get: (...args) => call(() => inner.get(...args)),
    async *list(prefix) {
      yield* await call(async () => {
        const found: { name: string; length: number }[] = [];
        for await (const object of inner.list(prefix)) found.push(object);
        return found;
      });
    },
  };
  return { store, calls: () => calls };
}

/**
 * Hundreds of syncs, each into its own copy of an empty repository: in memory. Buckets, and what
 * their clients ask for, are met in `s3_stopped.test.ts`.
 */
const MEMORY = BUCKET === null;

describe.runIf(MEMORY).each(["replica", "stranger"] as const)(
  "a sync into a %s, killed at a store call",
  (kin) => {
    it.each([false, true])(
      "leaves whole snapshots, and is finished (after it: %s)",
      async (after) => {
        using place = temporary();
        const s = await scene(place.path, kin);
        let [reached, most] = [true, 0];
        for (let at = 1; reached; at++) {
          const objects = new Map(s.empty);
          const { store, calls } = dying(openMemoryStore(objects), at, after);
          const died = await s.run(store).then(
            () => false,
            (error: unknown) => error instanceof Failure && error.code === "store_io",
          );
          reached = calls() >= at;
          const left = await s.look(openMemoryStore(objects));
          // Only the last claim's end may fail: the snapshot is acknowledged before it.
          if (reached && !died) expect(left, `call ${at}`).toEqual(s.ids);
          expect(s.ids.slice(0, left.length), `call ${at}`).toEqual(left);
          const before = packsOf(objects);
          await s.run(openMemoryStore(objects));
          expect(await s.look(openMemoryStore(objects)), `call ${at}`).toEqual(s.ids);
          // What an index run spoke of is not brought again; the rest is a pack or two.
          expect(packsOf(objects).length - before.length).toBeLessThanOrEqual(4);
          most = at;
        }
        expect(most).toBeGreaterThan(30);
      },
      120_000,
    );
  },
);

const packsOf = (objects: Map<string, Buffer>) =>
  [...objects.keys()].filter((name) => name.startsWith("packs/"));

it("goes on where it was without copying again what is there", { timeout: 60_000 }, async () => {
  using place = temporary();
  const p = await pair(place.path);
  for (let i = 0; i < 6; i++) {
    writeFiles(p.source, i, 6);
    await p.save([p.source]);
  }
  const there = await p.make("replica");
  const stop = new Error("stop");
  const runtime = {
    ...p.runtime,
    emit: (event: HoldallEvent) => {
      if (event.event === "syncing" && event.snapshots >= 3) throw stop;
    },
  };
  const [from, to] = [await p.open(), await p.openOther("replica", there)];
  await expect(sync(runtime, from, to, { host: "h", workers: 1 })).rejects.toThrow("stop");
  expect((await all(there, "packs/")).length).toBeGreaterThan(2);
  const rest = await p.copy("replica", there);
  expect(rest.plan.present).toBe(3);
  const again = await p.copy("replica", there);
  expect([again.copied, again.plan.packs]).toEqual([[], []]);
});

describe.runIf(MEMORY)("a full destination", () => {
  it.each(["replica", "stranger"] as const)(
    "is said, and the next run goes on (%s)",
    async (kin) => {
      using place = temporary();
      const s = await scene(place.path, kin);
      for (let room = 0; ; room += 2) {
        const objects = new Map(s.empty);
        const inner = openMemoryStore(objects);
        let puts = 0;
        const full: Store = {
          ...inner,
          put: async (...args) => {
            if (++puts > room) throw new Failure("disk_full", "no room");
            return inner.put(...args);
          },
        };
        const done = await s.run(full).catch((error: unknown) => error);
        if (!(done instanceof Failure)) break;
        expect(done.code).toBe("disk_full");
        await s.look(openMemoryStore(objects));
        await s.run(openMemoryStore(objects));
        expect(await s.look(openMemoryStore(objects))).toEqual(s.ids);
      }
    },
    60_000,
  );
});

describe("damage at the source", () => {
  /** Changes one bit, counted from the end if negative. */
  const flip = (from: number) => (bytes: Buffer) => {
    const at = from < 0 ? bytes.length + from : from;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  };

  it.each(["replica", "stranger"] as const)(
    "is named, and the rest is copied (%s)",
    async (kin) => {
      using place = temporary();
      const p = await pair(place.path);
      writeFiles(p.source, 1);
      const packs = () => p.objects.names("packs/");
      const first = (await p.save([p.source])).snapshot;
      const before = await packs();
      writeFileSync(join(p.source, "hit"), Buffer.alloc(9000, "this file's pack is damaged "));
      const second = (await p.save([p.source])).snapshot;
      for (const pack of await packs()) {
        if (!before.includes(pack)) await p.objects.change(pack, flip(200));
      }
      const there = await p.make(kin);
      const done = await p.copy(kin, there);
      expect(done.copied).toEqual([hex(first.id)]);
      expect(done.problems.map((x) => x.object)).toContain(`snapshot ${hex(second.id)}`);
      const to = await p.openOther(kin, there);
      expect((await to.snapshots()).snapshots).toHaveLength(1);
      expect((await check(p.runtime, to, { read: 1 })).problems).toEqual([]);
    },
    60_000,
  );

  it("of bytes that nobody needs costs only the copying as a whole", async () => {
    using place = temporary();
    const p = await pair(place.path);
    writeFiles(p.source, 1, 2);
    const only = (await p.save([p.source])).snapshot;
    // What nobody reads of a pack is damaged: the padding of its contents, and so its name.
    for (const name of await p.objects.names("packs/")) {
      await p.objects.change(name, flip(-200));
    }
    const there = await p.make("replica");
    const done = await p.copy("replica", there);
    expect(done.copied).toEqual([hex(only.id)]);
    expect(done.problems.length).toBe(2);
    for (const { object, message } of done.problems) {
      expect(object).toMatch(/^pack /);
      expect(message).toContain("does not hold the bytes");
    }
    const to = await p.openOther("replica", there);
    expect((await check(p.runtime, to, { read: 1 })).problems).toEqual([]);
  }, 60_000);

  it("of a snapshot's record is told", async () => {
    using place = temporary();
    const p = await pair(place.path);
    writeFiles(p.source, 1, 2);
    await p.save([p.source]);
    const [name = ""] = await p.objects.names("snapshots/");
    await p.objects.write(name, Buffer.from("gone"));
    const there = await p.make("replica");
    const done = await p.copy("replica", there);
    expect(done.copied).toEqual([]);
    expect(done.problems).toMatchObject([{ object: name }]);
  });
});

it.runIf(MEMORY).each([false, true])(
  "a replica whose making was killed is finished by the next run (after a call: %s)",
  async (after) => {
    using place = temporary();
    const p = await pair(place.path, openMemoryStore());
    const from = await p.open();
    writeFiles(p.source, 1, 3);
    await p.save([p.source]);
    let at = 1;
    for (; ; at++) {
      const objects = new Map<string, Buffer>();
      const { store, calls } = dying(openMemoryStore(objects), at, after);
      const died = await initReplica(p.runtime, store, from).then(
        () => false,
        () => true,
      );
      if (calls() < at) break;
      expect(died, `call ${at}`).toBe(true);
      // Once a slot is there, it is a repository.
      const slots = [...objects.keys()].filter((name) => name.startsWith("slots/"));
      const again = await initReplica(p.runtime, openMemoryStore(objects), from).then(
        () => "made",
        (error: Failure) => error.code,
      );
      expect(again, `call ${at}`).toBe(slots.length > 0 ? "repository_exists" : "made");
      const to = await openRepository(openMemoryStore(objects), p.secret, p.runtime);
      expect(hex(to.keyring.replica)).not.toBe(hex(from.keyring.replica));
      const done = await sync(p.runtime, from, to, { host: "h", workers: 1 });
      expect([done.kin, done.copied.length]).toEqual([true, 1]);
    }
    expect(at).toBeGreaterThan(12);
  },
);

it("what was forgotten at the destination stays so, unless it is named", async () => {
  using place = temporary();
  const p = await pair(place.path);
  writeFiles(p.source, 1, 3);
  const id = hex((await p.save([p.source])).snapshot.id);
  const there = await p.make("replica");
  await p.copy("replica", there);
  const to = await p.openOther("replica", there);
  await forget(p.runtime, to, { snapshots: [id] });
  for (const pruned of [false, true]) {
    if (pruned) await prune(p.runtime, await p.openOther("replica", there), {});
    const done = await p.copy("replica", there);
    expect([done.copied, done.plan.forgotten]).toEqual([[], 1]);
  }
  const named = await p.copy("replica", there, { selection: { ids: [id] } });
  expect(named.copied).toEqual([id]);
  const after = await p.openOther("replica", there);
  expect((await after.snapshots()).snapshots.map((s) => hex(s.id))).toEqual([id]);
  expect((await check(p.runtime, after, { read: 1 })).problems).toEqual([]);
}, 60_000);

it.runIf(MEMORY).each(["replica", "stranger"] as const)(
  "a sync into a %s that is killed again and again comes to its end",
  async (kin) => {
    using place = temporary();
    const s = await scene(place.path, kin);
    const seed = Number(process.env.SEED ?? Date.now() % 100_000);
    let word = seed;
    for (let trial = 0; trial < 20; trial++) {
      const objects = new Map(s.empty);
      let kills = 0;
      for (let done = false; !done; kills++) {
        word = (word * 1_103_515_245 + 12_345) % 2 ** 31;
        // Whatever the moments, the odds to live long enough grow.
        const { store } = dying(openMemoryStore(objects), 1 + (word % (60 + 10 * kills)), true);
        done = await s.run(store).then(
          ({ problems }) => problems.length === 0,
          () => false,
        );
        const left = await s.look(openMemoryStore(objects));
        expect(s.ids.slice(0, left.length), `seed ${seed}, trial ${trial}`).toEqual(left);
      }
      expect(await s.look(openMemoryStore(objects)), `seed ${seed}, trial ${trial}`).toEqual(s.ids);
      // A kill costs the packs that no run speaks of yet: two at most, of one snapshot.
      expect(packsOf(objects).length).toBeLessThanOrEqual(4 + 2 * kills);
    }
  },
  60_000,
);

it("a part of the log can be pruned where it was copied to", async () => {
  using place = temporary();
  const p = await pair(place.path);
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    writeFiles(p.source, i, 3);
    ids.push(hex((await p.save([p.source])).snapshot.id));
  }
  const there = await p.make("replica");
  // The last one's head is not there; the first one comes after it.
  for (const id of [ids[2] ?? "", ids[0] ?? ""]) {
    await p.copy("replica", there, { selection: { ids: [id] } });
  }
  const to = await p.openOther("replica", there);
  await forget(p.runtime, to, { snapshots: [ids[0] ?? ""] });
  const pruned = await prune(p.runtime, await p.openOther("replica", there), {});
  expect([pruned.snapshots, pruned.waiting]).toEqual([1, 0]);
  expect(pruned.packs).toBeGreaterThan(0);
  const after = await p.openOther("replica", there);
  expect((await after.snapshots()).snapshots.map((s) => hex(s.id))).toEqual([ids[2]]);
  expect((await check(p.runtime, after, { read: 1 })).problems).toEqual([]);
}, 60_000);
