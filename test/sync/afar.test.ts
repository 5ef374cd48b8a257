/** Restoring from a store without a folder: few ranges, told beforehand, finished after a cut. */
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { counted, Failure, openRepository, restore, type Store, Traffic } from "../../src/index.ts";
import { pair } from "../support/pair.ts";
import { differences, temporary } from "../support/tree.ts";
import { newStore } from "../support/where.ts";

const MIB = 1 << 20;

/** A repository, in no folder, of 24 MiB of files large and small; and a counted restore of it. */
async function scene(folder: string) {
  const traffic = new Traffic();
  const store = newStore();
  const p = await pair(folder, store);
  mkdirSync(p.source);
  for (let i = 0; i < 200; i++) writeFileSync(join(p.source, `small-${i}`), randomBytes(20_000));
  for (let i = 0; i < 4; i++) writeFileSync(join(p.source, `large-${i}`), randomBytes(5 * MIB));
  const { snapshot } = await p.save([p.source]);
  const bring = async (target: string, dryRun = false, place: Store = store) => {
    const repository = await openRepository(counted(place, traffic), p.secret, p.runtime);
    const path = Buffer.from(p.source);
    // What opening takes is not what the files take.
    const before = { gets: traffic.requests.get, received: traffic.received };
    const result = await restore(p.runtime, repository, snapshot, {
      path,
      target,
      dryRun,
      workers: 2,
    });
    const gets = traffic.requests.get - before.gets;
    return { ...result, gets, down: traffic.received - before.received };
  };
  return { ...p, snapshot, store, bring };
}

it("asks for few ranges, as many as a dry run said", async () => {
  using place = temporary();
  const s = await scene(place.path);
  const target = join(place.path, "back");
  const dry = await s.bring(target, true);
  const real = await s.bring(target);
  expect(differences(s.source, target)).toEqual([]);
  const { fetched, fetches, written } = real;
  expect(written).toBeGreaterThan(23 * MIB);
  expect({ fetched: dry.fetched, fetches: dry.fetches }).toEqual({ fetched, fetches });
  // Ranges of up to 4 MiB: a third of a request for each MiB, and the pages' few.
  expect(fetches / (written / MIB)).toBeLessThan(1 / 3);
  expect(fetched).toBeLessThan(written * 1.02);
  expect(real.gets - fetches).toBeLessThanOrEqual(4);
  expect(real.down).toBeLessThan(written * 1.05);
}, 60_000);

it("is finished after a cut, and reads only what is not there yet", async () => {
  using place = temporary();
  const s = await scene(place.path);
  const target = join(place.path, "back");
  let left = 6;
  const cut: Store = {
    ...s.store,
    get: async (name, range, signal) => {
      if (range !== undefined && --left < 0) throw new Failure("store_io", "the line is cut");
      return s.store.get(name, range, signal);
    },
  };
  await expect(s.bring(target, false, cut)).rejects.toMatchObject({ code: "store_io" });
  const whole = await s.bring(join(place.path, "other"));
  const rest = await s.bring(target);
  expect(rest.troubles).toBe(0);
  expect(differences(s.source, target)).toEqual([]);
  expect(rest.fetched).toBeLessThan(whole.fetched * 0.9);
  rmSync(join(target, "small-7"));
  const again = await s.bring(target);
  expect(again.written).toBe(20_000);
  expect(again.fetches).toBe(1);
}, 60_000);

it("loses only what needs a lost pack", async () => {
  using place = temporary();
  const s = await scene(place.path);
  const packs = async () => {
    const found: { name: string; length: number }[] = [];
    for await (const object of s.store.list("packs/")) found.push(object);
    return found;
  };
  const before = new Set((await packs()).map(({ name }) => name));
  writeFileSync(join(s.source, "late"), randomBytes(2 * MIB));
  const { snapshot } = await s.save([s.source]);
  const late = (await packs()).filter((p) => !before.has(p.name) && p.length > MIB);
  expect(late).toHaveLength(1);
  const store: Store = {
    ...s.store,
    get: async (name, range, signal) => {
      if (name === late[0]?.name) throw new Failure("object_missing", `${name}: no such object`);
      return s.store.get(name, range, signal);
    },
  };
  const repository = await openRepository(store, s.secret, s.runtime);
  const target = join(place.path, "back");
  s.events.splice(0);
  const path = Buffer.from(s.source);
  const { troubles } = await restore(s.runtime, repository, snapshot, { path, target, workers: 2 });
  const hit = s.events.flatMap((e) => (e.event === "trouble" ? [e.path] : []));
  expect([troubles, hit]).toEqual([1, [join(target, "late")]]);
  rmSync(join(s.source, "late"));
  rmSync(join(target, "late"), { force: true });
  expect(differences(s.source, target)).toEqual([]);
}, 60_000);
