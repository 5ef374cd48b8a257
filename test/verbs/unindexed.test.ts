/**
 * Index runs that are gone, not only damaged: packs' contents say what they said. A reader uses all
 * of them; a writer only those of packs that a snapshot proves to be durable.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { check, openRepository, type Store } from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { differences, temporary } from "../support/tree.ts";

async function world() {
  const place = temporary();
  const source = join(place.path, "source");
  mkdirSync(source);
  for (let i = 0; i < 20; i++) writeFileSync(join(source, `f${i}`), `${i} `.repeat(4000 + i));
  const made = await fixture(place.path);
  await made.save([source]);
  writeFileSync(join(source, "more"), "more ".repeat(50_000));
  const { snapshot } = await made.save([source]);
  return { ...made, place, source, snapshot, out: join(place.path, "out") };
}

it("every run deleted: restore works, check says so, the next backup heals it", async () => {
  const { place, objects, source, out, snapshot, open, runtime, save, bring } = await world();
  using _ = place;
  await objects.remove(...(await objects.names("index/")));
  expect((await bring(snapshot, source, out)).troubles).toBe(0);
  expect(differences(source, out)).toEqual([]);
  const said = (await check(runtime, await open(), { read: 1 })).problems;
  expect(said).toEqual([{ object: "index", message: expect.stringMatching(/no run .* packs/) }]);
  const packs = (await objects.names("packs/")).length;
  const next = await save([source], { force: true });
  expect(next.newBytes).toBeLessThan(1000);
  expect((await objects.names("packs/")).length).toBeLessThanOrEqual(packs + 1);
  expect((await check(runtime, await open(), { read: 1 })).problems).toEqual([]);
});

it("a pack that no snapshot proves durable is read, and never built upon", async () => {
  const { place, objects, source, out, snapshot, open, runtime, save, bring } = await world();
  using _ = place;
  // As a writer leaves it that is killed before its index run, or is still at work.
  const before = new Set(await objects.names());
  writeFileSync(join(source, "fresh"), "fresh ".repeat(30_000));
  await save([source]);
  for (const name of await objects.names()) {
    if (!before.has(name) && /^(index|snapshots)\//.test(name)) await objects.remove(name);
  }
  const packs = (await objects.names("packs/")).length;
  expect((await check(runtime, await open(), { read: 1 })).problems).toEqual([]);
  const again = await save([source]);
  expect(again.newBytes).toBeGreaterThan(150_000);
  expect((await objects.names("packs/")).length).toBeGreaterThan(packs);
  expect((await bring(snapshot, source, out)).troubles).toBe(0);
});

it("no pack is read whole to learn its contents, and damaged contents stop nothing", async () => {
  const { place, store, objects, secret, runtime } = await world();
  using _ = place;
  await objects.remove(...(await objects.names("index/")));
  const [broken = ""] = await objects.names("packs/");
  await objects.write(broken, (await objects.read(broken)).subarray(0, -4096));
  let whole = 0;
  const counted: Store = {
    ...store,
    get: (name, range, signal) => {
      if (name.startsWith("packs/") && range === undefined) whole++;
      return store.get(name, range, signal);
    },
  };
  const repository = await openRepository(counted, secret, runtime);
  const { unindexed, packs } = await repository.index();
  expect(whole).toBe(0);
  expect(unindexed).toHaveLength(packs.length - 1);
});
