/** Prunes and writers, one of which is dead or has lost the ground it stood on. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import {
  backup,
  Failure,
  forget,
  hex,
  openRepository,
  prune,
  type Store,
  undelete,
} from "../../src/index.ts";
import { condemn, type Facts } from "../../src/repo/condemning.ts";
import { NOW, sourced } from "../support/sourced.ts";
import { differences } from "../support/tree.ts";
import { newStore } from "../support/where.ts";

vi.setConfig({ testTimeout: 60_000 });

/** A store whose process is dead once a pack is put: whatever it asks for then fails. */
function dying(store: Store): Store {
  let dead = false;
  const live = <A extends unknown[], T>(act: (...args: A) => Promise<T>) => {
    return async (...args: A) => {
      if (dead) throw new Failure("store_io", "killed");
      return act(...args);
    };
  };
  const put = live<Parameters<Store["put"]>, Awaited<ReturnType<Store["put"]>>>(
    async (name, ...rest) => {
      const token = await store.put(name, ...rest);
      dead = name.startsWith("packs/");
      return token;
    },
  );
  return { ...store, put };
}

it("a dead writer's packs are taken away though nothing else is unused, once it is old", async () => {
  const w = await sourced(newStore());
  using place = w.place;
  w.write("kept", 1);
  const first = await w.save([w.source]);
  const old = await w.names("packs/");
  w.write("new", 2);
  const repository = await openRepository(dying(w.store), w.secret, w.runtime);
  await expect(backup(w.runtime, repository, w.options)).rejects.toThrow("killed");
  expect((await w.names("packs/")).length).toBeGreaterThan(old.length);
  const young = await prune(w.runtime, await w.open(), { wait: 0 });
  expect(young).toMatchObject({ packs: 0, waiting: 0 });
  await prune(w.runtime, await w.open(), NOW);
  expect(await w.names("packs/")).toEqual(old);
  const out = join(place.path, "out");
  rmSync(join(w.source, "new"));
  expect((await w.bring(first.snapshot, w.source, out)).troubles).toBe(0);
});

it("a backup whose parent's pack goes while it reads ends well", async () => {
  const w = await sourced(newStore());
  using place = w.place;
  const packs: string[] = [];
  w.write("a", 1);
  const first = await w.save([w.source]);
  w.write("b", 2);
  // Condemned: nothing counts as stored, but what was saved before can be read.
  const all = (facts: Facts) => facts.packs.map((p) => p.name);
  expect(await condemn(w.runtime, await w.open(), all, 0)).not.toBeNull();
  let left = 1;
  const gone: Store = {
    ...w.store,
    async get(name, range, signal) {
      if (name.startsWith("packs/") && left-- > 0) {
        // As a sweep does that saw no claim yet: the backup is not fenced.
        await forget(w.runtime, await w.open(), { snapshots: [hex(first.snapshot.id)] });
        packs.push(...(await w.names("packs/")));
        await w.objects.remove(...packs);
      }
      return w.store.get(name, range, signal);
    },
  };
  const repository = await openRepository(gone, w.secret, w.runtime);
  const { snapshot } = await backup(w.runtime, repository, w.options);
  expect(packs.length).toBeGreaterThan(0);
  expect(await w.names("fences/")).toEqual([]);
  const out = join(place.path, "out");
  expect((await w.bring(snapshot, w.source, out)).troubles).toBe(0);
  expect(differences(w.source, out)).toEqual([]);
});

it.each([1, 99])(
  "a writer that misses something %i times looks anew, thrice at most",
  async (n) => {
    const w = await sourced(newStore());
    using _ = w.place;
    w.write("a", 1);
    let left = n;
    const act = async () => {
      if (left-- > 0) throw new Failure("missing_object", "a pack is gone");
    };
    const put: Store["put"] = async (name, ...rest) => {
      if (name.startsWith("packs/")) await act();
      return w.store.put(name, ...rest);
    };
    const repository = await openRepository({ ...w.store, put }, w.secret, w.runtime);
    const saved = backup(w.runtime, repository, w.options).then(() => "saved");
    expect(await saved.catch((error: Failure) => error.code)).toBe(
      n === 1 ? "saved" : "missing_object",
    );
    const said = w.events.filter((e) => e.event === "warning").map((e) => e.message);
    expect(said).toHaveLength(Math.min(n, 3));
  },
);

it("an undelete whose pack is swept between listing and reading promises nothing", async () => {
  const w = await sourced(newStore());
  using _ = w.place;
  w.write("a", 1);
  const { snapshot } = await w.save([w.source]);
  const id = hex(snapshot.id);
  await forget(w.runtime, await w.open(), { snapshots: [id] });
  const all = (facts: Facts) => facts.packs.map((p) => p.name);
  expect(await condemn(w.runtime, await w.open(), all, 0)).not.toBeNull();
  const lengths = new Map<string, number>();
  for await (const { name, length } of w.store.list("packs/")) lengths.set(name, length);
  let swept = 0;
  const sweeping: Store = {
    ...w.store,
    async get(name, range, signal) {
      // The end of a pack is read by who wants to know what is in it.
      const end = (lengths.get(name) ?? 0) - (range?.length ?? 0);
      if (lengths.has(name) && range?.offset === end) {
        lengths.delete(name);
        await w.objects.remove(name);
        swept++;
      }
      return w.store.get(name, range, signal);
    },
  };
  const repository = await openRepository(sweeping, w.secret, w.runtime);
  const brought = undelete(w.runtime, repository, { snapshots: [id], host: "test" });
  await expect(brought).rejects.toMatchObject({ code: "missing_object" });
  expect(swept).toBeGreaterThan(0);
  expect(await w.ids()).toEqual([]);
});
