/** The inventory of an instance on disk: what is claimed, by whom, worth what, and what is not. */
import { spawn } from "node:child_process";
import { closeSync, linkSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import {
  type Inventory,
  inventory as look,
  systemRuntime,
  type toFailure,
} from "../../src/index.ts";
import { put, smallInstance } from "../support/instance.ts";
import { temporary } from "../support/tree.ts";

/** Maps a file so that stores reach it, and keeps no handle of it. */
const MAP = `
import ctypes, os, sys, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
fd = os.open(sys.argv[1], os.O_RDWR)
libc.mmap(None, ctypes.c_size_t(4096), 3, 1, fd, ctypes.c_long(0))
os.close(fd)
print("mapped", flush=True)
time.sleep(60)
`;

vi.setConfig({ testTimeout: 60_000 });

const place = temporary();
const root = join(place.path, "hero");
const cache = join(place.path, "cache");
const runtime = systemRuntime();
const inventory = async (options: { cache?: string } = {}) => look(runtime, root, options);
let found: Inventory;

beforeAll(async () => {
  smallInstance(root);
  const server = createServer().listen(join(root, "var/chat/files/s.sock"));
  await new Promise((resolve) => server.once("listening", resolve));
  const handle = openSync(join(root, "var/db/db1.redb"), "r+");
  const reading = openSync(join(root, "var/db/db2.redb"), "r");
  const maps = spawn("python3", ["-c", MAP, join(root, "var/chat/chat.db")]);
  await new Promise((resolve) => maps.stdout.once("data", resolve));
  symlinkSync("/etc/ssl/own.pem", join(root, "var/keys/link"));
  put(root, {
    "var/lost/deep/x": "12345",
    "var/lost/y": "1",
    "var/stray": "12",
    "cfg/a.toml": 'tls = "/etc/ssl/demo.pem"',
    "cfg/b.toml": 'url = "redis://user:hunter2@host"',
    "var/git/r.git/config": "token = hunter3",
    "var/keys/own.toml": "password = hunter4",
  });
  linkSync(join(root, "var/lost/deep/x"), join(root, "var/lost/again"));
  found = (await inventory({ cache })).inventory;
  for (const open of [handle, reading]) closeSync(open);
  maps.kill();
  server.close();
}, 30_000);
afterAll(() => place[Symbol.dispose]());

const row = (unit: string, context = "") =>
  found.rows.find((r) => `${r.service}/${r.unit}` === unit && r.context === context);

it("has a row for each unit and context, with sizes", () => {
  const rows = found.rows.map((r) => [`${r.service}/${r.unit}`, r.context, r.files, r.bytes]);
  expect(rows).toEqual([
    ["db/databases", "1", 1, 100],
    ["db/databases", "2", 1, 50],
    ["chat/rows", "", 2, 7],
    ["chat/files", "", 1, 8],
    ["books/text", "acme", 1, 12],
    ["books/text", "geomind", 1, 15],
    ["books/index", "acme", 1, 13],
    ["secrets/keys", "", 3, 30],
    ["repos/git", "", 5, 53],
  ]);
});

it("tells truth from what is derived, and how that is made again", () => {
  expect(row("books/text", "acme")).toMatchObject({ source: "truth", rebuild: "" });
  expect(row("books/index", "acme")).toMatchObject({
    source: "derived",
    rebuild: "bin/books index",
  });
});

it("says what stands for nothing: absent, unclaimed, engine-owned, sockets", () => {
  expect(found.absent).toMatchObject([{ unit: "voices", optional: true }]);
  expect(found.unclaimed).toEqual([
    { path: "cfg", files: 2, bytes: 58 },
    { path: "var/lost", files: 3, bytes: 6 },
    { path: "var", files: 1, bytes: 2 },
  ]);
  expect(found.leftOut.map(({ path }) => path)).toEqual([
    "var/chat/chat.db-shm",
    "var/git/r.git/refs/heads/main.lock",
  ]);
  expect(found.sockets).toEqual(["var/chat/files/s.sock"]);
  expect(found.doubled).toEqual([]);
  expect(found.troubles).toEqual([]);
});

it("knows who has it open, and how", () => {
  expect(row("db/databases", "1")?.openBy).toMatchObject([{ pid: process.pid, how: "writes" }]);
  expect(row("db/databases", "2")?.openBy).toMatchObject([{ pid: process.pid, how: "reads" }]);
  const hows = row("chat/rows")?.openBy.map(({ name, how }) => `${name} ${how}`);
  expect(hows).toEqual(["python3 maps"]);
  expect(row("chat/files")?.openBy).toEqual([]);
});

it("names what lies outside", () => {
  const named = (kind: string) => found.outside.filter((o) => o.kind === kind).map((o) => o.name);
  expect(named("link")).toEqual(["var/keys/link"]);
  expect(named("certificate")).toEqual(["/etc/ssl/demo.pem"]);
  expect(named("user")).toHaveLength(1);
  expect(named("credential")).toEqual(["cfg/b.toml", "var/git/r.git/config"]);
  expect(JSON.stringify(found)).not.toContain("hunter");
});

it("remembers sizes for the next time", async () => {
  expect(found.since).toBeNull();
  expect(row("db/databases", "1")?.growth).toBeNull();
  writeFileSync(join(root, "var/db/db2.redb"), "2".repeat(80));
  const again = (await inventory({ cache })).inventory;
  expect(again.since).not.toBeNull();
  const growth = again.rows.map((r) => r.growth);
  expect(growth.filter((n) => n !== 0)).toEqual([30]);
  const without = (await inventory()).inventory;
  expect(without.rows.every((r) => r.growth === null)).toBe(true);
});

it("sees bytes that two claim, and a unit that matches nothing", async () => {
  const said = async () => ((await inventory()).misfit as ReturnType<typeof toFailure>).message;
  put(root, {
    "cfg/books/service.toml": 'name = "more"\n[[state]]\nid = "all"\npaths = ["var/books"]\n',
  });
  const { inventory: twice } = await inventory();
  const pairs = twice.doubled.map(({ path, units }) => [path, ...units.sort()].join(" "));
  expect(pairs.sort()).toEqual([
    "var/books/acme/a.md books/text more/all",
    "var/books/acme/index/i books/index more/all",
    "var/books/geomind/b.md books/text more/all",
  ]);
  expect(await said()).toMatch(
    /is claimed by books\/\w+ and more\/all, and 2 more are claimed twice$/,
  );
  put(root, {
    "cfg/books/service.toml": 'name = "more"\n[[state]]\nid = "all"\npaths = ["var/bokos"]\n',
  });
  expect(await said()).toBe("cfg/books/service.toml:2: unit more/all matches nothing: var/bokos");
  rmSync(join(root, "cfg/books"), { recursive: true });
});

it.each<[string, string, RegExp]>([
  [
    "two services of a name",
    "[[service]]\nname = 'db'\n[[service]]\nname = 'db'",
    /^holdall.toml:3: service db is declared twice/,
  ],
  [
    "two units of a name",
    "[[state]]\nservice='a'\nid='u'\npaths=['x']\n[[state]]\nservice='a'\nid='u'\npaths=['y']",
    /^holdall.toml:5: unit a\/u is declared twice/,
  ],
  [
    "a group without its member",
    "[[state]]\nservice='a'\nid='u'\npaths=['x']\ncut-with=['v']",
    /^holdall.toml:1: unit a\/u: cut-with names no unit: a\/v/,
  ],
  [
    "a circle",
    "[[service]]\nname='a'\ndepends-on=['b']\n[[service]]\nname='b'\ndepends-on=['a']",
    /^holdall.toml:1: services depend on each other: a b/,
  ],
  [
    "a service that is nowhere",
    "[[service]]\nname='a'\ndepends-on=['b']",
    /^holdall.toml:1: service a depends on b, which is not declared/,
  ],
  [
    "an unknown built-in",
    "[[service]]\nname='a'\nbuilt-in=true",
    /^holdall.toml:1: no descriptor of a is built in/,
  ],
])("refuses %s with file and line", async (_, text, message) => {
  using other = temporary();
  put(other.path, { "holdall.toml": text });
  await expect(look(runtime, other.path)).rejects.toThrow(message);
});

it("takes a built-in descriptor for a service that is there, and any folder for files", async () => {
  using other = temporary();
  put(other.path, { "some/file": "x" });
  const any = (await look(runtime, other.path)).inventory;
  expect(any.rows).toMatchObject([{ service: "files", unit: "all", files: 1, bytes: 1 }]);
  put(other.path, { "var/hero_osis/acme/o": "object", "holdall.toml": "name = 'other'" });
  const known = (await look(runtime, other.path)).inventory;
  expect(known.instance).toBe("other");
  expect(known.rows).toMatchObject([{ service: "hero_osis", context: "acme", origin: "verified" }]);
  expect(known.unclaimed).toEqual([{ path: "some", files: 1, bytes: 1 }]);
});

it("looks outside the root where the operator's descriptor says so", async () => {
  using other = temporary();
  put(other.path, {
    "in/holdall.toml": `[[state]]\nservice="a"\nid="u"\npaths=["${other.path}/out/*.db"]\nengine="sqlite"`,
    "out/x.db": "12",
    "out/x.db-wal": "3",
    "out/x.db-shm": "",
    "out/nobody": "",
  });
  const { inventory: there } = await look(runtime, join(other.path, "in"));
  expect(there.rows).toMatchObject([{ files: 2, bytes: 3 }]);
  expect(there.unclaimed).toEqual([]);
});
