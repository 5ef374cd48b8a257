/** What is larger than an entry may be: files of very many extents, and very many attributes. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { fileSystem, type Kind } from "../support/mounts.ts";
import { differences } from "../support/tree.ts";
import { BUCKET, newStore } from "../support/where.ts";

const SLOW = process.env.SLOW === "1";
/** Extents that an entry names; of a file with more, the smallest holes come back as zeros. */
const MOST = 131_072;

const python = (script: string, ...rest: string[]) =>
  execFileSync("python3", ["-c", script, ...rest], { encoding: "utf8", maxBuffer: 1 << 26 });

/** Blocks of 4 KiB with a hole of the same size after each; the first holes are twice as wide. */
const ALTERNATING = `import os, sys
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
at, count, wide = 0, int(sys.argv[2]), int(sys.argv[3])
for i in range(count):
    os.pwrite(f, b"%08d" % (i % 700) * 512, at)
    at += 12288 if i < wide else 8192
os.ftruncate(f, at)`;

/** Digest of all bytes, number of extents. */
const LOOK = `import hashlib, os, sys
f = os.open(sys.argv[1], os.O_RDONLY); size = os.fstat(f).st_size
h, at, runs = hashlib.sha256(), 0, 0
while at < size:
    try: at = os.lseek(f, at, os.SEEK_DATA)
    except OSError: break
    at = os.lseek(f, at, os.SEEK_HOLE); runs += 1
with open(sys.argv[1], "rb") as b:
    while part := b.read(1 << 20): h.update(part)
print(h.hexdigest(), runs)`;

const ATTRIBUTES = `import os, sys
def fill(name, count, size):
    open(name, "w").close()
    for i in range(count): os.setxattr(name, "user.%04d" % i, os.urandom(size))
fill(sys.argv[1] + "/file", int(sys.argv[2]), int(sys.argv[3]))
os.mkdir(sys.argv[1] + "/folder"); os.symlink("x", sys.argv[1] + "/link")
for i in range(min(20, int(sys.argv[2]))): os.setxattr(sys.argv[1] + "/folder", "user.%d" % i, os.urandom(int(sys.argv[3])))
for i in range(9): os.setxattr(sys.argv[1] + "/link", "trusted.%d" % i, os.urandom(int(sys.argv[3])), follow_symlinks=False)`;

const KINDS: Kind[] = ["tmpfs", "ext4", ...((SLOW ? ["xfs"] : []) as Kind[])];

function opened(kind: Kind, skip: (why: string) => never) {
  const place = fileSystem(kind);
  return typeof place === "string" ? skip(place) : place;
}

/** Without the independent reader: hundreds of megabytes are too much for JavaScript. */
describe("a file of very many extents", () => {
  it.for(KINDS)(
    "comes back with every hole on %s",
    { timeout: 300_000 },
    async (kind, { skip }) => {
      using place = opened(kind, skip);
      const source = join(place.path, "source");
      const [file, out] = [join(source, "file"), join(place.path, "out")];
      execFileSync("mkdir", [source]);
      // A loop device takes its time, and so does a bucket.
      const count = SLOW || (kind === "tmpfs" && BUCKET === null) ? 100_000 : 10_000;
      python(ALTERNATING, file, String(count), "0");
      const { save, bring, events } = await fixture(place.path, newStore(), false);
      const { snapshot } = await save([source]);
      for (let i = 0; i < 2; i++) {
        const { written } = await bring(snapshot, source, out);
        expect(written).toBe(i === 0 ? count * 4096 : 0);
        expect(differences(source, out)).toEqual([]);
      }
      expect((await save([source])).newBytes).toBeLessThan(10_000);
      expect(events.filter((e) => e.event === "trouble")).toEqual([]);
    },
  );

  it.runIf(SLOW)(
    "beyond what an entry names has its smallest holes as zeros",
    {
      timeout: 600_000,
    },
    async ({ skip }) => {
      using place = opened("tmpfs", skip);
      const source = join(place.path, "source");
      const [file, out] = [join(source, "file"), join(place.path, "out")];
      execFileSync("mkdir", [source]);
      python(ALTERNATING, file, String(2 * MOST + 9000), "50000");
      const { save, bring, events } = await fixture(place.path, newStore(), false);
      const { snapshot } = await save([source]);
      await bring(snapshot, source, out);
      const look = (path: string) => python(LOOK, path).trim().split(" ");
      const [[was, many], [is, left]] = [look(file), look(join(out, "file"))];
      expect(is).toBe(was);
      expect([many, left]).toEqual([String(2 * MOST + 9000), String(MOST)]);
      expect(events.filter((e) => e.event === "trouble")).toEqual([]);
    },
  );
});

describe("very many attributes", () => {
  const tries: [Kind, number, number][] = [
    ["ext4", 12, 60_000],
    ["tmpfs", 12, 60_000],
    ["xfs", 16, 65_000],
  ];
  it.for(tries)(
    "come back on %s (%i of %i bytes)",
    { timeout: 60_000 },
    async ([kind, n, size], { skip }) => {
      using place = opened(kind, skip);
      const [source, out] = [join(place.path, "source"), join(place.path, "out")];
      execFileSync("mkdir", [source]);
      try {
        python(ATTRIBUTES, source, String(n), String(size));
      } catch {
        return skip(`${kind} does not hold ${n} attributes of ${size} bytes`);
      }
      const { save, bring, events } = await fixture(place.path);
      const { snapshot } = await save([source]);
      await bring(snapshot, source, out);
      expect(events.filter((e) => e.event === "trouble")).toEqual([]);
      expect(differences(source, out)).toEqual([]);
    },
  );

  it("beyond what an entry holds are told by name each time, and all else is saved", {
    timeout: 60_000,
  }, async ({ skip }) => {
    using place = opened("ext4", skip);
    const [source, out] = [join(place.path, "source"), join(place.path, "out")];
    execFileSync("mkdir", [source]);
    python(ATTRIBUTES, source, "60", "60000");
    const { save, bring, events } = await fixture(place.path);
    const troubles = () => events.splice(0).filter((e) => e.event === "trouble");
    for (let i = 0; i < 2; i++) {
      const { snapshot } = await save([source]);
      // 17 of 60 attributes fit, and 17 of the 20 of the folder.
      const told = troubles();
      expect(told.filter((t) => t.path === join(source, "file"))).toHaveLength(43);
      expect(told.filter((t) => t.path === join(source, "folder"))).toHaveLength(3);
      expect(told).toHaveLength(46);
      await bring(snapshot, source, out);
      expect(troubles()).toEqual([]);
      expect(differences(source, out, ["xattrs"])).toEqual([]);
    }
  });
});
