/** Snapshots of several units and contexts: one tree for every verb that reads. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  check,
  diff,
  diffFolder,
  list,
  type Row,
  restore,
  type Snapshot,
  sectionsOf,
  stats,
  total,
  type UnitPlan,
} from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { temporary } from "../support/tree.ts";

const place = temporary();
const at = (name: string) => join(place.path, name);
const put = (name: string, text: string) => {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
};

const plan = (id: string, context: string, paths: string[], more: Partial<UnitPlan> = {}) => ({
  id,
  context,
  class: "authoritative" as const,
  engine: "files",
  paths: paths.map((path) => Buffer.from(at(path))),
  rules: [],
  consistency: ["process-crash", "one moment"] as UnitPlan["consistency"],
  cut: [1, 2, 3, 4] as UnitPlan["cut"],
  ...more,
});

/** Books of two contexts with an index of each inside their folders, and a store beside them. */
const PLANS = (): UnitPlan[] => [
  plan("store/db", "", ["var/db"], { engine: "redb", engineFormat: "2", schema: "s1" }),
  ...["a", "b"].flatMap((context) => [
    plan("books/text", context, [`var/books/${context}`], {
      exclude: [`${at(`var/books/${context}/index`)}`],
      rules: [{ kind: 1, value: Buffer.from(`${context}/index`), reason: "of another unit" }],
    }),
    plan("books/index", context, [`var/books/${context}/index`], { class: "derived-cheap" }),
  ]),
];

let f: Awaited<ReturnType<typeof fixture>>;
let first: Snapshot;
let second: Snapshot;

const rows = async (act: (onRow: (row: Row) => void) => Promise<void>) => {
  const found: Row[] = [];
  await act((row) => found.push(row));
  return found.map(({ path, mark }) => `${mark}${path.toString().replace(place.path, "")}`);
};

beforeAll(async () => {
  for (const name of ["db/0", "books/a/x.md", "books/a/index/i", "books/b/y.md", "books/b/index/i"])
    put(`var/${name}`, `the text of ${name}`);
  writeFileSync(at("var/db/0"), randomBytes(100_000));
  put("var/unclaimed", "of nobody");
  for (const name of ["var", "var/books", "var/books/a"]) utimesSync(at(name), 5, 5);
  f = await fixture(place.path);
  first = (await f.save([], { units: PLANS(), instance: "demo" })).snapshot;
  put("var/books/b/y.md", "another text");
  put("var/db/1", "more");
  second = (await f.save([], { units: PLANS(), instance: "demo" })).snapshot;
}, 60_000);
afterAll(() => place[Symbol.dispose]());

describe("a snapshot of several units", () => {
  it("has a section for each context and says of each unit how it stands", () => {
    expect(first.instance).toBe("demo");
    expect(sectionsOf(first).map(({ context }) => context)).toEqual(["", "a", "b"]);
    const [db] = first.section.units;
    expect(db).toMatchObject({ id: "store/db", engine: "redb", engineFormat: "2", schema: "s1" });
    expect(db).toMatchObject({ consistency: ["process-crash", "one moment"], cut: [1, 2, 3, 4] });
    expect(first.more[0]?.units.map((u) => u.id)).toEqual(["books/text", "books/index"]);
    expect(total(first, "files")).toBe(5);
  });

  it("takes from the one before what did not change, unit by unit", async () => {
    expect(second.parent).toEqual(first.id);
    // What changed within the tick of the one before is read once more.
    await sleep(50);
    await f.save([], { units: PLANS(), instance: "demo" });
    const again = await f.save([], { units: PLANS().slice(1), instance: "demo" });
    const whole = await f.save([], { units: PLANS(), instance: "demo" });
    // The folders above change with everything that is made beside these.
    for (const { newBytes } of [again, whole]) expect(newBytes).toBeLessThan(4096);
  });

  it("is listed as one tree, each folder once", async () => {
    await using repository = await f.open();
    const all = await rows((on) => list(repository, first, Buffer.from("/"), true, on));
    const own = all.filter((path) => path.startsWith("/var"));
    expect(own).toEqual([
      "/var",
      "/var/books",
      "/var/books/a",
      "/var/books/a/index",
      "/var/books/a/index/i",
      "/var/books/a/x.md",
      "/var/books/b",
      "/var/books/b/index",
      "/var/books/b/index/i",
      "/var/books/b/y.md",
      "/var/db",
      "/var/db/0",
    ]);
    const [one] = await rows((on) =>
      list(repository, first, Buffer.from(at("var/books/b/index/i")), false, on),
    );
    expect(one).toBe("/var/books/b/index/i");
    await expect(list(repository, first, Buffer.from(at("var/none")), false, () => {}))
      .rejects //
      .toThrow("is not in this snapshot");
  });

  it("is compared with another and with the folder as it is", async () => {
    await using repository = await f.open();
    const changes = await rows((on) => diff(repository, first, second, on));
    expect(changes.filter((c) => !c.startsWith("M"))).toEqual(["C/var/books/b/y.md", "+/var/db/1"]);
    const now = (path: string) =>
      rows((on) => diffFolder(f.runtime, repository, first, Buffer.from(at(path)), 2, on));
    expect(await now("var/books/a")).toEqual([]);
    expect((await now("var")).filter((c) => !c.startsWith("M"))).toEqual([
      "+/var/unclaimed",
      "C/var/books/b/y.md",
      "+/var/db/1",
    ]);
  });

  it("is checked and counted whole", async () => {
    await using repository = await f.open();
    const found = await check(f.runtime, repository, { read: 1 });
    expect(found.problems).toEqual([]);
    const { logicalBytes } = await stats(repository);
    const { snapshots } = await repository.snapshots();
    expect(logicalBytes).toBe(snapshots.reduce((n, s) => n + total(s, "bytes"), 0));
    expect(total(first, "bytes")).toBeGreaterThan(60);
  });
});

describe("a restore of several units", () => {
  it("brings back one tree, folders that they share with their own times", async () => {
    const target = at("back");
    await f.bring(first, "/", target);
    const back = join(target, place.path, "var");
    expect(readFileSync(join(back, "books/a/index/i"), "utf8")).toBe("the text of books/a/index/i");
    expect(existsSync(join(back, "unclaimed"))).toBe(false);
    for (const name of ["", "books", "books/a"])
      expect(statSync(join(back, name)).mtimeMs).toBe(5000);
  });

  it("brings back one folder, one file, and nothing that is not there", async () => {
    await f.bring(first, at("var/books"), at("books"));
    expect(readFileSync(join(at("books"), "b/y.md"), "utf8")).toBe("the text of books/b/y.md");
    await f.bring(first, at("var/books/b/index/i"), at("single"));
    expect(readFileSync(join(at("single"), "i"), "utf8")).toContain("index");
    await expect(f.bring(first, at("var/unclaimed"), at("no"))).rejects.toThrow("is not in this");
  });

  it("deletes only in folders of which a unit saved all", async () => {
    await using repository = await f.open();
    const target = at("deleting");
    await f.bring(second, at("var"), target);
    for (const name of ["unclaimed", "books/a/new", "books/a/index/new", "db/new"])
      writeFileSync(join(target, name), "x");
    const options = { path: Buffer.from(at("var")), target, workers: 2, delete: true };
    const { deleted } = await restore(f.runtime, repository, second, options);
    expect(deleted).toBe(2);
    const stays = ["unclaimed", "books/a/new", "books/a/index/new", "db/new"].filter((name) =>
      existsSync(join(target, name)),
    );
    expect(stays).toEqual(["unclaimed", "books/a/new"]);
  });
});

describe("a unit", () => {
  it("is read from a View under its own path, sockets left out", async () => {
    const view = at("view");
    mkdirSync(join(view, "deep"), { recursive: true });
    writeFileSync(join(view, "file"), "as it stood");
    writeFileSync(join(view, "deep", "one"), "1");
    put("live/file", "as it is now");
    put("live/other", "came later");
    const server = createServer().listen(join(view, "s.sock"));
    await new Promise((resolve) => server.once("listening", resolve));
    const unit = plan("live/files", "", ["live"], {
      noSockets: true,
      views: [{ path: Buffer.from(at("live")), view: Buffer.from(view) }],
    });
    const { snapshot } = await f.save([], { units: [unit], instance: "viewed" });
    server.close();
    await using repository = await f.open();
    expect(await rows((on) => list(repository, snapshot, Buffer.from(at("live")), true, on))) //
      .toEqual(["/live/deep", "/live/deep/one", "/live/file"]);
    await f.bring(snapshot, at("live"), at("viewed"));
    expect(readFileSync(join(at("viewed"), "file"), "utf8")).toBe("as it stood");
    rmSync(view, { recursive: true });
    await expect(f.save([], { units: [unit], instance: "viewed" })).rejects.toThrow("view");
  });

  it("finds what another brought in the same backup", async () => {
    const same = randomBytes(300_000);
    put("twin/one/file", "");
    put("twin/two/file", "");
    for (const id of ["one", "two"]) writeFileSync(at(`twin/${id}/file`), same);
    const units = ["one", "two"].map((id) => plan(`twin/${id}`, id, [`twin/${id}`]));
    const { snapshot, newBytes } = await f.save([], { units, instance: "twin" });
    expect(newBytes).toBeLessThan(same.length * 1.2);
    expect(total(snapshot, "bytes")).toBe(same.length * 2);
    await f.bring(snapshot, at("twin"), at("twins"));
    for (const id of ["one", "two"])
      expect(readFileSync(join(at("twins"), id, "file")).equals(same)).toBe(true);
  });

  it("keeps hard links across units", async () => {
    put("linked/one/file", "same");
    mkdirSync(at("linked/two"), { recursive: true });
    execFileSync("ln", [at("linked/one/file"), at("linked/two/file")]);
    const units = ["one", "two"].map((id) => plan(`linked/${id}`, "", [`linked/${id}`]));
    const { snapshot } = await f.save([], { units, instance: "linked" });
    await f.bring(snapshot, at("linked"), at("links"));
    expect(statSync(join(at("links"), "one/file")).nlink).toBe(2);
  });
});
