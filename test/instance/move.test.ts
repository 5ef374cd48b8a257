/** Where saved paths lie below another root, and the order in which services start. */
import { mkdirSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadInstance } from "../../src/instance/load.ts";
import { planMove, startOrder } from "../../src/instance/move.ts";
import { remap } from "../../src/instance/pointers.ts";
import { put, smallInstance } from "../support/instance.ts";
import { temporary } from "../support/tree.ts";

async function target() {
  const place = temporary();
  smallInstance(place.path);
  return { instance: await loadInstance(place.path), [Symbol.dispose]: place[Symbol.dispose] };
}

it("finds the root that all saved paths agree on, whatever is above it", async () => {
  using t = await target();
  for (const from of ["/srv/hero", "/srv/var/books/x", "/a/b/c/d"]) {
    const paths = ["var/db/db1.redb", "var/chat/chat.db", "var/chat/chat.db-wal", "var/books/acme"];
    const { from: found, moved } = planMove(
      paths.map((path) => `${from}/${path}`),
      t.instance,
    );
    expect(found).toBe(from);
    expect(moved.map(({ unit, context, path }) => [unit.id, context, path])).toEqual([
      ["databases", "1", "var/db/db1.redb"],
      ["rows", "", "var/chat/chat.db"],
      ["rows", "", "var/chat/chat.db-wal"],
      ["text", "acme", "var/books/acme"],
    ]);
  }
});

it("refuses what no unit claims, or what lies beside the root of the rest", async () => {
  using t = await target();
  const plan = (...paths: string[]) => planMove(paths, t.instance);
  const rest = ["/a/var/chat/chat.db", "/a/var/books/acme"];
  expect(() => plan(...rest, "/a/var/unknown")).toThrow("/a/var/unknown was saved, and no unit");
  expect(() => plan(...rest, "/b/var/db/db1.redb")).toThrow("/b/var/db/db1.redb was saved, and");
  expect(() => plan("/x")).toThrow("/x was saved, and no unit");
});

it("starts nobody before those it depends on, and refuses a circle", async () => {
  using t = await target();
  const names = startOrder([...t.instance.services].reverse()).map(({ name }) => name);
  expect(names.indexOf("db")).toBeLessThan(names.indexOf("chat"));
  expect(names.length).toBe(t.instance.services.length);
  const [one] = t.instance.services;
  const two = (name: string, ...dependsOn: string[]) => ({ ...one, name, dependsOn }) as never;
  expect(() => startOrder([two("a", "b"), two("b", "a")])).toThrow("depends on itself");
});

it("points links of a cluster to the new root, and names those that lead elsewhere", () => {
  using place = temporary();
  const at = (name: string) => join(place.path, "unit/data", name);
  put(place.path, { "unit/data/PG_VERSION": "15\n" });
  mkdirSync(at("pg_tblspc"));
  symlinkSync("/old/space", at("pg_tblspc/16384"));
  symlinkSync("/other/space", at("pg_tblspc/16385"));
  symlinkSync("/old/log", at("pg_wal"));
  const { changed, outside } = remap("postgres", place.path, "/old", "/new/root");
  expect(changed.map(({ to }) => to)).toEqual(["/new/root/space", "/new/root/log"]);
  expect(readlinkSync(at("pg_wal"))).toBe("/new/root/log");
  const cluster = join(place.path, "unit/data");
  expect(outside).toEqual([{ at: at("pg_tblspc/16385"), from: "/other/space", cluster }]);
});
