/** What every sync does, run for stores of every kind: between replicas and between strangers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, hex, type Store } from "../../src/index.ts";
import { oracleDifferences } from "../oracle/compare.ts";
import { Oracle } from "../oracle/reader.ts";
import { download } from "../support/bucket.ts";
import { all } from "../support/outcome.ts";
import { pair, writeFiles } from "../support/pair.ts";
import { differences, temporary } from "../support/tree.ts";

/** Bytes that the independent reader hashes again; it does about 10 MB a second. */
const BUDGET = 1 << 20;

/** Two new places for repositories; a folder is there for what they need. */
export type Places = (folder: string) => { here: Store; there: Store };

/** The store as a folder that the independent reader can open. */
async function folderOf(store: Store, folder: string): Promise<string> {
  if (store.folder !== null) return store.folder;
  expect(await download(store, folder)).toEqual([]);
  return folder;
}

/** The first part of a pack's name says what is in it; the rest, who put it there. */
const packsOf = async (store: Store) =>
  new Set((await all(store, "packs/")).map((name) => name.slice(0, name.indexOf("-"))));

export function syncContract(name: string, places: Places): void {
  describe.each(["replica", "stranger"] as const)(`a sync into a %s: ${name}`, (kin) => {
    it("brings every snapshot over, and only what the destination lacks", async () => {
      using place = temporary();
      const { here, there } = places(place.path);
      const p = await pair(place.path, here);
      writeFiles(p.source, 1);
      const first = (await p.save([p.source])).snapshot;
      writeFiles(p.source, 2);
      const second = (await p.save([p.source])).snapshot;
      await p.make(kin, there);
      const done = await p.copy(kin, there);
      expect(done.problems).toEqual([]);
      expect(done.copied).toEqual([hex(first.id), hex(second.id)]);
      // Packs go as they are where keys are the same, and are made anew where they are not.
      const packs = [...(await packsOf(there))];
      const from = await packsOf(here);
      expect(packs.filter((pack) => from.has(pack))).toEqual(kin === "replica" ? packs : []);
      expect(done.plan.packs.length).toBe(kin === "replica" ? packs.length : 0);
      const again = await p.copy(kin, there);
      expect([again.copied, again.bytes, again.plan.present]).toEqual([[], 0, 2]);

      writeFileSync(join(p.source, "new"), "one more file");
      const third = (await p.save([p.source])).snapshot;
      const more = await p.copy(kin, there);
      expect(more.copied).toEqual([hex(third.id)]);
      expect(more.bytes).toBeLessThan(done.bytes / 3);

      const to = await p.openOther(kin, there);
      const { snapshots, unreadable } = await to.snapshots();
      expect(unreadable).toEqual([]);
      expect(snapshots.map((s) => hex(s.id))).toEqual([first, second, third].map((s) => hex(s.id)));
      const whole = await check(p.runtime, to, { read: 1 });
      expect(whole.problems).toEqual([]);
      const [last] = snapshots.slice(-1);
      if (last === undefined) throw new Error("nothing was copied");
      const target = join(place.path, "back");
      expect((await p.back(to, last, p.source, target)).troubles).toBe(0);
      expect(differences(p.source, target)).toEqual([]);
      const lying = await folderOf(there, join(place.path, "copy"));
      const oracle = new Oracle(lying, p.secretOf(kin), BUDGET);
      expect(oracle.problems).toEqual([]);
      expect(oracleDifferences(oracle, hex(last.id), Buffer.from(p.source), target)).toEqual([]);
    }, 60_000);

    it("brings what is selected, and the rest when that is asked for", async () => {
      using place = temporary();
      const { here, there } = places(place.path);
      const p = await pair(place.path, here);
      const ids: string[] = [];
      for (let i = 0; i < 3; i++) {
        writeFiles(p.source, i, 4);
        ids.push(hex((await p.save([p.source])).snapshot.id));
      }
      const [first = "", second = "", third = ""] = ids;
      await p.make(kin, there);
      const one = await p.copy(kin, there, { selection: { ids: [second] } });
      expect([one.copied, one.problems]).toEqual([[second], []]);
      expect((await p.copy(kin, there, { selection: { last: 1 } })).copied).toEqual([third]);
      const to = await p.openOther(kin, there);
      const { snapshots } = await to.snapshots();
      expect(snapshots.map((s) => hex(s.id)).sort()).toEqual([second, third].sort());
      expect((await check(p.runtime, to, { read: 1 })).problems).toEqual([]);
      expect((await p.copy(kin, there)).copied).toEqual([first]);
    }, 60_000);
  });
}
