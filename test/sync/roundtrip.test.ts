/** What a sync brings over is what the source has, between replicas and between strangers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, hex, openMemoryStore } from "../../src/index.ts";
import { oracleDifferences } from "../oracle/compare.ts";
import { Oracle } from "../oracle/reader.ts";
import { pair, writeFiles } from "../support/pair.ts";
import { differences, temporary } from "../support/tree.ts";

describe.each(["replica", "stranger"] as const)("a sync into a %s", (kin) => {
  it("brings every snapshot over, and only what the destination lacks", async () => {
    using place = temporary();
    const p = await pair(place.path);
    writeFiles(p.source, 1);
    const first = (await p.save([p.source])).snapshot;
    writeFiles(p.source, 2);
    const second = (await p.save([p.source])).snapshot;
    const there = await p.make(kin);
    const done = await p.copy(kin, there);
    expect(done.problems).toEqual([]);
    expect(done.copied).toEqual([hex(first.id), hex(second.id)]);
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
    const oracle = new Oracle(join(place.path, "there"), p.secretOf(kin));
    expect(oracle.problems).toEqual([]);
    expect(oracleDifferences(oracle, hex(last.id), Buffer.from(p.source), target)).toEqual([]);
  }, 60_000);

  it("works between stores without a folder", async () => {
    using place = temporary();
    const p = await pair(place.path, openMemoryStore());
    writeFiles(p.source, 3);
    await p.save([p.source]);
    const there = await p.make(kin, openMemoryStore());
    expect((await p.copy(kin, there)).problems).toEqual([]);
    const to = await p.openOther(kin, there);
    const [copy] = (await to.snapshots()).snapshots;
    if (copy === undefined) throw new Error("nothing was copied");
    const target = join(place.path, "back");
    expect((await p.back(to, copy, p.source, target)).troubles).toBe(0);
    expect(differences(p.source, target)).toEqual([]);
  }, 60_000);
});
