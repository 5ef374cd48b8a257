/** The engine on every kind of bucket, from the first backup to the last byte restored. */

import { randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { check, forget, hex, prune, Traffic } from "../../src/index.ts";
import { oracleDifferences } from "../oracle/compare.ts";
import { Oracle } from "../oracle/reader.ts";
import { download } from "../support/bucket.ts";
import { onBuckets } from "../support/buckets.ts";
import { fixture } from "../support/library.ts";
import { differences, temporary } from "../support/tree.ts";

/** Small files in folders, a link, and one file that fills more than a pack. */
function makeSource(folder: string): void {
  for (let at = 0; at < 300; at++) {
    const below = join(folder, `part ${at % 7}`);
    mkdirSync(below, { recursive: true });
    writeFileSync(join(below, `${at}`), randomBytes(at * 40));
  }
  symlinkSync("part 1/8", join(folder, "link"));
  writeFileSync(join(folder, "large"), randomBytes(17 << 20));
}

onBuckets((far) => {
  it("saves, saves what changed, and restores every byte", async () => {
    using place = temporary();
    const at = (part: string) => join(place.path, part);
    makeSource(at("source"));
    const traffic = new Traffic();
    const store = far().store(far().fresh(), { traffic });
    const { save, bring, open, runtime, secret } = await fixture(place.path, store);

    const first = await save([at("source")]);
    expect(first.snapshot.section.units[0]?.files).toBeGreaterThan(10);
    appendFileSync(at("source/large"), "and a little more");
    const second = await save([at("source")]);
    expect(second.newBytes).toBeLessThan(8 << 20);

    const before = traffic.total;
    const third = await save([at("source")]);
    expect(third.storedBytes).toBeLessThan(4 << 20);
    expect(traffic.total - before).toBeLessThan(40);

    mkdirSync(at("back"));
    const brought = await bring(third.snapshot, at("source"), at("back"));
    expect(brought.troubles).toBe(0);
    expect(differences(at("source"), at("back"))).toEqual([]);
    const found = await check(runtime, await open(), { read: 1 });
    expect(found.problems).toEqual([]);
    expect(found.packsRead).toBe(found.packs);

    // The independent reader agrees, from the bytes that lie in the bucket.
    expect(await download(store, at("copy"))).toEqual([]);
    const oracle = new Oracle(at("copy"), secret, 1 << 20);
    expect(oracle.problems).toEqual([]);
    const id = hex(third.snapshot.id);
    expect(oracleDifferences(oracle, id, Buffer.from(at("source")), at("back"))).toEqual([]);

    // What nothing needs any more leaves the bucket; what is needed stays.
    writeFileSync(at("source/large"), "small now");
    const last = await save([at("source")]);
    const repository = await open();
    const snapshots = [first, second, third].map(({ snapshot }) => hex(snapshot.id));
    await forget(runtime, repository, { snapshots });
    const pruned = await prune(runtime, repository, { maxUnused: 0 });
    expect(pruned.before - pruned.after).toBeGreaterThan(15 << 20);
    await bring(last.snapshot, at("source"), at("back"), { delete: true });
    expect(differences(at("source"), at("back"))).toEqual([]);
    expect((await check(runtime, await open(), { read: 1 })).problems).toEqual([]);
  }, 120_000);
});
