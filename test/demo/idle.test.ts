/** What an instance that nobody uses costs to save again: what its own flushes dirtied. */
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { temporary } from "../support/tree.ts";
import { startDemo } from "./demo.ts";
import { has, INSTALL, type Part } from "./parts.ts";
import { cutDemo, dirtied, PAGE, sizeOf } from "./saved.ts";

/** Of manifests, of the index and of the snapshot. */
const REST = 64 << 10;
/** Where flushes leave markers: the databases, and the log of a server. */
const MARKED = ["var/hero_db", "var/postgres/data/pg_wal"];

const place = temporary();
chmodSync(place.path, 0o711);
afterAll(() => place[Symbol.dispose](), 120_000);

// What is missing is told by name beside the test of the instance itself.
it.runIf((Object.keys(INSTALL) as Part[]).every(has))(
  "an idle instance stores the markers' pages and 64 KiB at most",
  {
    timeout: 600_000,
  },
  async () => {
    await using demo = await startDemo({ root: join(place.path, "idle") });
    const f = await fixture(place.path);
    const repository = join(place.path, "repo");
    const save = async () => {
      await using still = await cutDemo(f.runtime, demo.root);
      const before = sizeOf(repository);
      const { snapshot, troubles } = await f.save([], { units: still.units, instance: "demo" });
      expect(troubles).toBe(0);
      return { snapshot, stored: sizeOf(repository) - before };
    };
    const first = await save();
    const second = await save();
    let pages = 0;
    for (const [at, folder] of MARKED.entries()) {
      const source = join(demo.root, folder);
      if (!existsSync(source)) continue;
      const [before, after] = [join(place.path, `first-${at}`), join(place.path, `second-${at}`)];
      await f.bring(first.snapshot, source, before);
      await f.bring(second.snapshot, source, after);
      pages += dirtied(before, after);
    }
    console.info(`first ${first.stored} B, idle ${second.stored} B; ${pages} pages of markers`);
    expect(second.stored).toBeLessThanOrEqual(pages * PAGE + REST);
  },
);
