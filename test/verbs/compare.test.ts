/** The comparison that other tests trust sees every kind of difference: each is planted once. */
import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digest, erase, TreeServer, temporary } from "../support/tree.ts";

const MAKE = `import os, socket, stat
def put(n, d=b"text"):
    with open(n, "wb") as f: f.write(d)
os.mkdir("d"); put("d/f"); put("f"); put("g"); os.link("f", "f2"); os.link("f", "f3")
os.symlink("to", "l"); os.link("l", "l2", follow_symlinks=False); os.symlink("to", "l3")
os.mkfifo("p"); os.mknod("c", stat.S_IFCHR | 0o600, os.makedev(1, 3)); os.link("c", "c2")
os.mknod("c3", stat.S_IFCHR | 0o600, os.makedev(1, 3))
with open("h", "wb") as f: f.truncate(1 << 20)
for n in "dfglpch": os.setxattr(n, "trusted.t", b"v", follow_symlinks=False)
for top, folders, files in os.walk("."):
    for n in folders + files: os.utime(os.path.join(top, n), ns=(5, 5), follow_symlinks=False)
os.utime("d", ns=(5, 5))
`;

/** What is done to one of two equal trees, and a word of the only lines that are to say so. */
const PLANTS: [string, string, string][] = [
  ["a byte", "put('g', b'texT'); os.utime('g', ns=(5, 5))", "data"],
  ["a nanosecond", "os.utime('g', ns=(5, 6))", "mtime"],
  ["a folder's time", "os.utime('d', ns=(5, 6))", "mtime"],
  ["a link's time", "os.utime('l3', ns=(5, 6), follow_symlinks=False)", "mtime"],
  ["a mode", "os.chmod('p', 0o4644)", "mode"],
  ["an owner", "os.lchown('l3', 3000000000, 0)", "owner"],
  ["an attribute", "os.setxattr('g', 'user.u', b'')", "xattrs"],
  ["an attribute of a link", "os.removexattr('l', 'trusted.t', follow_symlinks=False)", "xattrs"],
  ["an attribute of a device", "os.setxattr('c3', 'security.s', b'')", "xattrs"],
  ["a default ACL", "os.system('setfacl -d -m u:7:r d')", "xattrs"],
  ["a flag", "os.system('chattr +d g')", "flags"],
  ["an append-only folder", "os.system('chattr +a d')", "flags"],
  [
    "a filled hole",
    "f = os.open('h', os.O_RDWR); os.pwrite(f, bytes(4096), 8192); os.utime('h', ns=(5, 5))",
    "data",
  ],
  [
    "a target",
    "os.remove('l3'); os.symlink('tO', 'l3'); os.utime('l3', ns=(5, 5), follow_symlinks=False)",
    "target",
  ],
  [
    "a device number",
    "os.remove('c3'); os.mknod('c3', 0o20600, os.makedev(1, 4)); os.utime('c3', ns=(5, 5))",
    "device",
  ],
  ["a kind", "os.remove('p'); os.mkdir('p', 0o644)", "kind"],
  ["a missing entry", "os.remove('d/f'); os.utime('d', ns=(5, 5))", "only in the first"],
  ["an entry more", "put('d/new'); os.utime('d', ns=(5, 5))", "only in the second"],
  [
    "a broken link of a file",
    "os.remove('f2'); put('f2'); os.setxattr('f2', 'trusted.t', b'v'); os.utime('f2', ns=(5, 5))",
    "names",
  ],
  [
    "a broken link of a symlink",
    "os.remove('l2'); os.symlink('to', 'l2'); os.setxattr('l2', 'trusted.t', b'v', follow_symlinks=False); os.utime('l2', ns=(5, 5), follow_symlinks=False)",
    "names",
  ],
  ["a link more of a device", "os.remove('c3'); os.link('c', 'c3')", "names"],
];

describe("the comparison", () => {
  let server: TreeServer;
  beforeAll(() => {
    server = new TreeServer();
  });
  afterAll(() => server[Symbol.dispose]());

  it.each([["nothing where there is nothing", "pass", ""], ...PLANTS])(
    "sees %s",
    async (...row) => {
      using place = temporary();
      const [a, b] = [join(place.path, "a"), join(place.path, "b")];
      const make = (root: string) =>
        `os.mkdir(${JSON.stringify(root)})\nos.chdir(${JSON.stringify(root)})\n${MAKE}`;
      execFileSync("python3", ["-c", `import os\n${make(a)}\n${make(b)}\n${row[1]}`]);
      const found = await server.differences(a, b);
      expect(found.length > 0).toBe(row[2] !== "");
      expect(found.every((line) => line.includes(row[2]))).toBe(true);
      erase(b);
    },
  );

  it("has one word for a tree that shows what was done and undone", () => {
    using place = temporary();
    const file = join(place.path, "file");
    writeFileSync(file, "x");
    const before = digest(place.path);
    expect(digest(place.path)).toBe(before);
    chmodSync(file, 0o600);
    chmodSync(file, 0o644);
    expect(digest(place.path)).not.toBe(before);
  });
});
