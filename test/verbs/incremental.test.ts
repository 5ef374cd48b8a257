/** What a later backup stores: a page for an entry, the chunks beside an edit, and nothing else. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { fileSystem } from "../support/mounts.ts";
import { differences, temporary } from "../support/tree.ts";
import { BUCKET } from "../support/where.ts";

const SLOW = process.env.SLOW === "1";
const ENTRIES = SLOW ? 1_000_000 : BUCKET === null ? 60_000 : 6_000;

describe("a crowded folder", () => {
  it(`of ${ENTRIES} entries stores about a page for one more`, {
    timeout: 900_000,
  }, async ({ skip }) => {
    const opened = fileSystem("tmpfs");
    using place = typeof opened === "string" ? skip(opened) : opened;
    const [source, out] = [join(place.path, "source"), join(place.path, "out")];
    const script = `import os, sys
os.mkdir(sys.argv[1]); d = os.open(sys.argv[1], os.O_RDONLY)
for i in range(int(sys.argv[2])):
    f = os.open("entry-%07d" % i, os.O_WRONLY | os.O_CREAT, dir_fd=d)
    if i % 50 == 0: os.write(f, b"%d" % i)
    os.close(f)`;
    execFileSync("python3", ["-c", script, source, String(ENTRIES)]);
    await new Promise((done) => setTimeout(done, 50));
    const { save, bring } = await fixture(place.path);
    const time = async <T>(what: string, act: () => Promise<T>) => {
      const start = performance.now();
      const value = await act();
      const peak = process.resourceUsage().maxRSS >> 10;
      console.log(
        `${what}: ${((performance.now() - start) / 1000).toFixed(1)} s, peak ${peak} MiB`,
      );
      return value;
    };
    await time(`${ENTRIES} entries, first backup`, () => save([source]));
    const unchanged = await time("unchanged", () => save([source]));
    expect(unchanged.newBytes).toBeLessThan(10_000);
    writeFileSync(join(source, "entry-0030000-more"), "one more");
    const more = await time("one more", () => save([source]));
    // Its page and that page's hints, and the nodes above both.
    expect(more.newBytes).toBeLessThan(300_000);
    await time("restore", () => bring(more.snapshot, source, out));
    expect(differences(source, out)).toEqual([]);
  });
});

describe("cut points", () => {
  it("move with the bytes around them: an edit stores a bounded number of new bytes", {
    timeout: 120_000,
  }, async () => {
    using place = temporary();
    const file = join(place.path, "file");
    execFileSync("python3", [
      "-c",
      "import random, sys\nopen(sys.argv[1], 'wb').write(random.Random(5).randbytes(6 << 20))",
      file,
    ]);
    const original = readFileSync(file);
    const { save } = await fixture(place.path);
    await save([file]);
    const at = fc.nat(original.length);
    const edit = fc.record({
      at,
      remove: fc.nat(200_000),
      insert: fc.uint8Array({ maxLength: 3000 }),
      to: fc.option(at),
    });
    await fc.assert(
      fc.asyncProperty(edit, async ({ at, remove, insert, to }) => {
        const cut = original.subarray(at, at + remove);
        const rest = Buffer.concat([
          original.subarray(0, at),
          insert,
          original.subarray(at + remove),
        ]);
        const moved =
          to === null ? rest : Buffer.concat([rest.subarray(0, to), cut, rest.subarray(to)]);
        writeFileSync(file, moved);
        const { newBytes } = await save([file]);
        // At each seam the chunk it lies in, and those until a cut point of before is met again.
        expect(newBytes).toBeLessThan(insert.length + (to === null ? 1 : 4) * 3 * 262_144);
      }),
      { numRuns: SLOW ? 300 : BUCKET === null ? 25 : 6, seed: 11 },
    );
  });
});
