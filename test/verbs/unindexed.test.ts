/**
 * Index runs that are gone, not only damaged: packs' contents say what they said. A reader uses all
 * of them; a writer only those of packs that a snapshot proves to be durable.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { check, openRepository, openStore, type Store } from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { differences, temporary } from "../support/tree.ts";

const objects = (folder: string) =>
  (readdirSync(folder, { recursive: true, encoding: "utf8" }) as string[])
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

async function world() {
  const place = temporary();
  const source = join(place.path, "source");
  mkdirSync(source);
  for (let i = 0; i < 20; i++) writeFileSync(join(source, `f${i}`), `${i} `.repeat(4000 + i));
  const made = await fixture(place.path);
  await made.save([source]);
  writeFileSync(join(source, "more"), "more ".repeat(50_000));
  const { snapshot } = await made.save([source]);
  const repo = join(place.path, "repo");
  return { ...made, place, source, repo, snapshot, out: join(place.path, "out") };
}

it("every run deleted: restore works, check says so, the next backup heals it", async () => {
  const { place, repo, source, out, snapshot, open, runtime, save, bring } = await world();
  using _ = place;
  for (const path of objects(join(repo, "index"))) rmSync(path);
  expect((await bring(snapshot, source, out)).troubles).toBe(0);
  expect(differences(source, out)).toEqual([]);
  const said = (await check(runtime, await open(), { read: 1 })).problems;
  expect(said).toEqual([{ object: "index", message: expect.stringMatching(/no run .* packs/) }]);
  const packs = objects(join(repo, "packs")).length;
  const next = await save([source], { force: true });
  expect(next.newBytes).toBeLessThan(1000);
  expect(objects(join(repo, "packs")).length).toBeLessThanOrEqual(packs + 1);
  expect((await check(runtime, await open(), { read: 1 })).problems).toEqual([]);
});

it("a pack that no snapshot proves durable is read, and never built upon", async () => {
  const { place, repo, source, out, snapshot, open, runtime, save, bring } = await world();
  using _ = place;
  // As a writer leaves it that is killed before its index run, or is still at work.
  const before = new Set(objects(repo));
  writeFileSync(join(source, "fresh"), "fresh ".repeat(30_000));
  await save([source]);
  for (const path of objects(repo)) {
    if (!before.has(path) && /\/(index|snapshots)\//.test(path)) rmSync(path);
  }
  const packs = objects(join(repo, "packs")).length;
  expect((await check(runtime, await open(), { read: 1 })).problems).toEqual([]);
  const again = await save([source]);
  expect(again.newBytes).toBeGreaterThan(150_000);
  expect(objects(join(repo, "packs")).length).toBeGreaterThan(packs);
  expect((await bring(snapshot, source, out)).troubles).toBe(0);
});

it("no pack is read whole to learn its contents, and damaged contents stop nothing", async () => {
  const { place, repo, secret, runtime } = await world();
  using _ = place;
  for (const path of objects(join(repo, "index"))) rmSync(path);
  const [broken = ""] = objects(join(repo, "packs"));
  execFileSync("truncate", ["-s", "-4096", broken]);
  const store = openStore(repo);
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
