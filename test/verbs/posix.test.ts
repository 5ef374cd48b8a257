/**
 * Everything POSIX, with nothing missing: hostile trees on every file system, and days of churn
 * after.
 */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, diffFolder, type Row } from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { fileSystem, type Kind } from "../support/mounts.ts";
import { churn, differences, erase, hostileTree } from "../support/tree.ts";
import { BUCKET, storeAt } from "../support/where.ts";

const SLOW = process.env.SLOW === "1";
const DAYS = Number(process.env.DAYS ?? (SLOW ? 12 : BUCKET === null ? 2 : 1));
const SEED = Number(process.env.SEED ?? 1);
const ALL: Kind[] = SLOW ? ["folder", "tmpfs", "ext4", "xfs", "btrfs"] : ["tmpfs", "ext4"];
/** Of the source; a bucket is the same to all of them. */
const KINDS = BUCKET === null ? ALL : ALL.slice(0, 1);

describe.each(KINDS)("a hostile but legal tree on %s", (kind) => {
  it("comes back without one difference, fresh and in place, day after day", {
    timeout: 600_000,
  }, async ({ skip }) => {
    using place = opened(kind, skip);
    const source = join(place.path, "source");
    const { entries, refused } = hostileTree(source, SEED);
    console.log(`${kind}, seed ${SEED}: ${entries} entries; it cannot hold: ${refused.join("; ")}`);
    expect(entries).toBeGreaterThanOrEqual(7641);
    // Thousands of entries are read by the independent reader from folders alone: it is slow.
    const judged = BUCKET === null;
    const store = storeAt(join(place.path, "repo"));
    const { save, bring, open, runtime, events } = await fixture(place.path, store, judged);
    const troubles = () => events.filter((e) => e.event === "trouble" || e.event === "warning");
    const standing = join(place.path, "standing");
    for (let day = 0; day <= DAYS; day++) {
      if (day > 0) churn(source, SEED * 1000 + day, 120);
      const { snapshot } = await save([source]);
      expect(troubles()).toEqual([]);
      const fresh = join(place.path, "fresh");
      await bring(snapshot, source, fresh);
      expect(troubles(), `fresh, day ${day}`).toEqual([]);
      expect(differences(source, fresh), `fresh, day ${day}`).toEqual([]);
      erase(fresh);
      await bring(snapshot, source, standing, { delete: true });
      expect(troubles(), `in place, day ${day}`).toEqual([]);
      expect(differences(source, standing), `in place, day ${day}`).toEqual([]);
      const rows: Row[] = [];
      await diffFolder(runtime, await open(), snapshot, Buffer.from(source), 2, (r) =>
        rows.push(r),
      );
      expect(rows.map((r) => `${r.mark} ${r.path}`)).toEqual([]);
    }
    erase(standing);
    const result = await check(runtime, await open(), { read: 1 });
    expect(result.problems).toEqual([]);
    erase(source);
  });
});

function opened(kind: Kind, skip: (why: string) => never) {
  const place = fileSystem(kind);
  return typeof place === "string" ? skip(place) : place;
}
