/** Forgetting, bringing back, and pruning: space comes back, and what is kept stays as it was. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { check, forget, hex, prune, type Snapshot, undelete } from "../../src/index.ts";
import { NOW, sourced } from "../support/sourced.ts";
import { differences } from "../support/tree.ts";
import { BUCKET, newStore } from "../support/where.ts";

vi.setConfig({ testTimeout: 60_000 });

const idOf = (s: Snapshot) => hex(s.id);

/** A bucket is the same for both. */
const KINDS = BUCKET === null ? ["folder", "memory"] : [BUCKET.kind];

async function world(kind: string) {
  const made = await sourced(kind === "memory" ? newStore() : undefined, 400_000);
  const packed = async () => {
    let [bytes, count] = [0, 0];
    for await (const { length } of made.store.list("packs/"))
      [bytes, count] = [bytes + length, count + 1];
    return { bytes, count };
  };
  return { ...made, packed };
}

describe.each(KINDS)("on a %s store", (kind) => {
  it("what is forgotten is gone after a prune, what is kept restores the same", async () => {
    const w = await world(kind);
    using place = w.place;
    w.write("kept", 1);
    w.write("dropped", 2, 3_000_000);
    const first = await w.save([w.source]);
    rmSync(join(w.source, "dropped"));
    w.write("later", 3);
    const second = await w.save([w.source]);
    const before = await w.packed();
    const gone = idOf(first.snapshot);
    expect((await forget(w.runtime, await w.open(), { snapshots: [gone] })).forgotten).toEqual([
      gone,
    ]);
    expect(await w.ids()).toEqual([idOf(second.snapshot)]);
    expect(await w.packed()).toEqual(before);
    const result = await prune(w.runtime, await w.open(), NOW);
    expect(result).toMatchObject({ snapshots: 1, waiting: 0, hosts: [] });
    const after = await w.packed();
    expect(after.bytes).toBeLessThan(before.bytes - 2_900_000);
    expect(result.after).toBe(after.bytes);
    const out = join(place.path, "out");
    expect((await w.bring(second.snapshot, w.source, out)).troubles).toBe(0);
    expect(differences(w.source, out)).toEqual([]);
    const checked = await check(w.runtime, await w.open(), { read: 1 });
    expect(checked.problems).toEqual([]);
    const again = await prune(w.runtime, await w.open(), NOW);
    expect(again).toMatchObject({ packs: 0, snapshots: 0, plan: { packs: [] } });
    expect(await w.packed()).toEqual(after);
  });

  it("undelete brings back what no prune took, and what a list condemned as well", async () => {
    const w = await world(kind);
    using place = w.place;
    w.write("a", 1);
    const { snapshot } = await w.save([w.source]);
    const id = idOf(snapshot);
    await forget(w.runtime, await w.open(), { snapshots: [id] });
    expect(await w.ids()).toEqual([]);
    const back = await undelete(w.runtime, await w.open(), {
      snapshots: [id.slice(0, 8)],
      host: "h",
    });
    expect(back.undeleted).toEqual([id]);
    expect(await w.ids()).toEqual([id]);
    await prune(w.runtime, await w.open(), NOW);
    const out = join(place.path, "out");
    expect((await w.bring(snapshot, w.source, out)).troubles).toBe(0);
    expect(differences(w.source, out)).toEqual([]);
    await forget(w.runtime, await w.open(), { snapshots: [id] });
    await prune(w.runtime, await w.open(), NOW);
    await expect(
      undelete(w.runtime, await w.open(), { snapshots: [id], host: "h" }),
    ).rejects.toMatchObject({ code: "no_snapshot" });
    expect((await w.packed()).count).toBe(0);
  });
});

it("leaves nothing of what ended: no claim, no list, few runs", async () => {
  const w = await world("folder");
  using _ = w.place;
  for (let i = 0; i < 12; i++) {
    w.write(`f${i}`, i, 20_000);
    await w.save([w.source]);
  }
  const all = await w.ids();
  await forget(w.runtime, await w.open(), { policy: { last: 1 } });
  expect(await w.ids()).toEqual(all.slice(-1));
  await prune(w.runtime, await w.open(), NOW);
  expect(await w.names("claims/")).toEqual([]);
  expect(await w.names("condemned/")).toEqual([]);
  expect(await w.names("snapshots/")).toHaveLength(1);
  expect((await w.names("index/")).length).toBeLessThanOrEqual(8);
  expect((await check(w.runtime, await w.open(), { read: 1 })).problems).toEqual([]);
});
