/**
 * Engines copy their units themselves under live writers: the snapshot comes back at another root,
 * runs there, and has what was acknowledged before each copy began.
 */
import { chmodSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unitsOf } from "../../src/index.ts";
import { world } from "../support/command.ts";
import { stored } from "../support/stored.ts";
import { checkDemo } from "./check.ts";
import { type Demo, startDemo } from "./demo.ts";
import { has } from "./parts.ts";
import { dataOf } from "./place.ts";
import { copiesIn, prepare } from "./revived.ts";

const runs = (["python3", "postgres", "sqlite3", "pg_basebackup", "unshare"] as const).every(has);

const w = world();
chmodSync(w.place.path, 0o711);
const root = w.at("source");
const target = w.at("target");
const staged = () => readdirSync(root).filter((name) => name.startsWith(".holdall"));
let demo: Demo;

beforeAll(async () => {
  if (runs) demo = await startDemo({ root, services: ["postgres", "hero_secrets"] });
}, 120_000);

afterAll(async () => {
  if (runs) await demo.stop();
  w[Symbol.dispose]();
}, 120_000);

describe.runIf(runs)("units that their engines copy under live writers", () => {
  it("are told before, and saved at their own paths", async () => {
    expect(w.run(["init"]).status).toBe(0);
    const live = ["backup", "--instance", root, "--no-pause"];
    const dry = w.run([...live, "--dry-run"]);
    expect(dry.err).toBe("");
    expect(dry.out).toMatch(/^copy +hero_secrets\/db .* native, none\n/m);
    expect(dry.out).toMatch(/^copy +postgres\/cluster .* native, none\n/m);
    expect(dry.out).toMatch(/^copy +postgres\/space .* native, none\n/m);
    expect(w.run(["inventory", root]).out).toMatch(
      /^postgres\/cluster +have its engine copy it: --native/m,
    );

    await demo.drivers.start();
    await sleep(500);
    const saved = w.run([...live, "--require", "native"]);
    expect(saved.err).toBe("");
    expect(saved.status).toBe(0);
    expect(staged()).toEqual([]);
    await sleep(500);
    await demo.drivers.stop();
    const [snapshot] = await stored(w.at("repo"), w.at("key"));
    if (snapshot === undefined) throw new Error("no snapshot");
    const levels = unitsOf(snapshot).map(({ id, consistency }) => [id, consistency.join(", ")]);
    expect(Object.fromEntries(levels)).toMatchObject({
      "hero_secrets/db": "native, none",
      "postgres/cluster": "native, none",
      "postgres/space": "native, none",
    });
  }, 120_000);

  it("come back at another root for another user, and have what they must have", async () => {
    await demo.stop();
    const place = prepare(demo, target, "www-data");
    const options = ["--instance", target, "--owner", "nobody=www-data"];
    expect(w.run(["restore", "latest", ...options])).toMatchObject({ status: 0, err: "" });
    const links = join(dataOf(place, "postgres"), "data", "pg_tblspc");
    expect(readdirSync(links).map((name) => readlinkSync(join(links, name)))).toEqual([
      join(dataOf(place, "postgres"), "space"),
    ]);
    expect(readdirSync(dataOf(place, "hero_secrets"))).toEqual(["secrets.db"]);

    await using back = await startDemo({
      root: target,
      user: "www-data",
      broken: true,
      services: demo.services,
    });
    expect(back.silent).toEqual([]);
    const [snapshot] = await stored(w.at("repo"), w.at("key"));
    if (snapshot === undefined) throw new Error("no snapshot");
    const report = await checkDemo(target, demo.journal, copiesIn(snapshot), true);
    expect(report.findings).toEqual([]);
    for (const number of [report.promised, report.forbidden, report.present])
      expect(number).toBeGreaterThan(20);
  }, 120_000);
});
