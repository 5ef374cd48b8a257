/** `sync`, `init --replica-of` and `backup --sync` as commands. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { world } from "../support/command.ts";
import { differences } from "../support/tree.ts";
import { folderOf, objectsOf, storeAt } from "../support/where.ts";
import { witness } from "../support/witness.ts";

const OTHER = "6b".repeat(32);

/** A repository with two snapshots, a config file that names others, and their places. */
function pairs(spoiled = false) {
  const w = world(spoiled);
  writeFileSync(w.at("other.key"), OTHER);
  const prices = { currency: "EUR", storedGB: 1000, puts1000: 5, gets1000: 0.4 };
  const repositories = {
    replica: { repository: w.repo("replica"), prices },
    stranger: { repository: w.repo("stranger"), keyfile: "other.key" },
  };
  writeFileSync(w.at("config.json"), JSON.stringify({ repositories }));
  const env = { HOLDALL_CONFIG: w.at("config.json") };
  const json = (...args: string[]) => w.json(args, { env });
  const run = (...args: string[]) => w.run(args, { env });
  expect(run("init").status).toBe(0);
  expect(run("-r", "replica", "init", "--replica-of", w.repo()).status).toBe(0);
  expect(run("-r", "stranger", "init", "--keyfile", w.at("other.key")).status).toBe(0);
  expect(run("backup", w.source).status).toBe(0);
  writeFileSync(join(w.source, "more"), "m".repeat(30_000));
  expect(run("backup", w.source, "--tag", "second").status).toBe(0);
  return { ...w, json, run, [Symbol.dispose]: () => w[Symbol.dispose]() };
}

it("copies into a replica and into a stranger, by name and by address", async () => {
  using w = pairs();
  expect(w.json("sync", w.repo(), "replica")).toMatchObject({
    event: "sync",
    replica: true,
    present: 0,
    problems: [],
    snapshots: [expect.any(String), expect.any(String)],
  });
  expect(w.json("sync", w.repo(), "stranger", "--tag", "second")).toMatchObject({
    replica: false,
    snapshots: [expect.any(String)],
  });
  const again = w.run("sync", w.repo(), "replica");
  expect(again).toMatchObject({ status: 0, err: "" });
  expect(again.out).toMatch(/^copied 0 snapshots, 2 there already: 0 B; \d+ requests there/);
  const folder = async (name: string) => (await folderOf(storeAt(w.at(name)))) ?? "";
  witness(await folder("replica"), "5a".repeat(32));
  witness(await folder("stranger"), OTHER);
  for (const place of ["replica", "stranger"]) {
    const target = w.at(`from-${place}`);
    const key = place === "stranger" ? ["--keyfile", w.at("other.key")] : [];
    expect(w.run("restore", "latest", "-r", place, "--to", target, ...key).status).toBe(0);
    expect(differences(w.source, join(target, w.source))).toEqual([]);
  }
  expect(w.json("sync", "stranger", "replica", "--from-keyfile", w.at("other.key"))).toMatchObject({
    present: 1,
    snapshots: [],
  });
  expect(w.json("sync", w.repo(), w.repo())).toMatchObject({ code: "invalid" });
  expect(w.json("sync", w.repo())).toMatchObject({ code: "usage" });
}, 60_000);

it("says what it would take, and refuses what costs too much", () => {
  using w = pairs();
  const dry = w.json("sync", w.repo(), "replica", "--dry-run") as Record<string, number>;
  expect(dry).toMatchObject({ dryRun: true, currency: "EUR", bytes: 0, problems: [] });
  expect(dry.plannedUp).toBeGreaterThan(10_000);
  expect(dry.costMonthly).toBeCloseTo((dry.plannedUp ?? 0) / 1e6, 6);
  expect(dry.costOnce).toBeGreaterThan(0);
  const slow = ["--dry-run", "--limit-upload", "1k"];
  const minutes = Number((w.json("sync", w.repo(), "replica", ...slow) as typeof dry).minutes);
  expect(minutes).toBeCloseTo((dry.plannedUp ?? 0) / 1024 / 60, 3);
  const { out } = w.run("sync", w.repo(), "replica", "--dry-run");
  expect(out).toMatch(/would copy 2 snapshots: \d+ packs? whole.*\nabout .* up.*EUR once.*a month/);
  expect(w.json("sync", w.repo(), "replica", "--max-cost", "0.001")).toMatchObject({
    event: "error",
    code: "too_expensive",
  });
  expect(JSON.parse(w.run("snapshots", "-r", "replica", "--json").out)).toEqual([]);
  const last = w.json("sync", w.repo(), "replica", "--max-cost", "1", "--last", "1");
  expect(last).toMatchObject({ snapshots: [expect.any(String)] });
  for (const bad of [
    ["--limit-upload", "08-08 1M"],
    ["--max-cost", "much"],
  ]) {
    expect(w.json("sync", w.repo(), "replica", ...bad)).toMatchObject({ code: "usage" });
  }
}, 60_000);

it("follows a backup, and neither hides how the other ended", async () => {
  using w = pairs();
  const both = w.run("--json", "backup", w.source, "--sync", "replica", "--sync", "stranger");
  const told = both.out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string });
  const ends = told.map((t) => t.event).filter((e) => ["snapshot", "sync", "error"].includes(e));
  expect([both.status, ...ends]).toEqual([0, "snapshot", "sync", "sync"]);

  const replica = objectsOf(storeAt(w.at("replica")));
  await replica.remove(...(await replica.names("slots/")));
  const broken = w.run("backup", w.source, "--sync", "replica", "--sync", "stranger");
  expect(broken.status).toBe(10);
  expect(broken.out).toMatch(/^snapshot \w{8} saved.*\ncopied 1 snapshot, 3 there already/);
  expect(broken.err).toContain("there is no repository here");

  const absent = w.run("backup", w.at("absent"), "--sync", "stranger");
  expect(absent.status).toBe(1);
  expect(absent.err).toContain("none of the paths");
  expect(absent.out).toContain("copied 0 snapshots, 4 there already");
  const partly = w.run("backup", w.source, w.at("absent"), "--sync", "stranger");
  expect(partly.status).toBe(3);
  expect(w.run("backup", w.source, "--sync", "stranger", "--dry-run").status).toBe(2);
}, 60_000);

it("names what is damaged at the source, and copies what does not need it", async () => {
  using w = pairs(true);
  const all = await w.objects.names("packs/");
  expect(all.length).toBe(4);
  const kept = w.run("sync", w.repo(), "stranger", "--last", "1").out;
  expect(kept).toContain("copied 1 snapshot");
  for (const name of all) await w.objects.write(name, Buffer.alloc(4096, "x"));
  // What a client keeps is as it was.
  rmSync(w.at(".cache"), { recursive: true, force: true });
  const { status, out } = w.run("sync", w.repo(), "stranger");
  expect(status).toBe(13);
  expect(out).toMatch(/^snapshot [0-9a-f]{32}: .*\ncopied 0 snapshots, 1 there already/);
}, 60_000);
