/**
 * Engines copy their units themselves under live writers: the snapshot comes back at another root,
 * runs there, and has what was acknowledged before each copy began.
 */
import { readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { hex, unitsOf } from "../../src/index.ts";
import { traced } from "../support/processes.ts";
import { stored } from "../support/stored.ts";
import { checkDemo } from "./check.ts";
import { startDemo } from "./demo.ts";
import { has } from "./parts.ts";
import { dataOf } from "./place.ts";
import { copiesIn, prepare } from "./revived.ts";
import { running } from "./running.ts";

const runs = (["python3", "postgres", "sqlite3", "pg_basebackup", "unshare"] as const).every(has);

const { w, root, demo } = running(runs, { services: ["postgres", "hero_secrets"] });
const target = w.at("target");
const staged = () => readdirSync(root).filter((name) => name.startsWith(".holdall"));

/** The newest snapshot, and what the one that is restored is called. */
const newest = async () => {
  const all = await stored(w.at("repo"), w.at("key"));
  const found = all.sort((a, b) => a.sequence - b.sequence).at(-1);
  if (found === undefined) throw new Error("no snapshot");
  return found;
};
const levels = async () =>
  Object.fromEntries(
    unitsOf(await newest()).map(({ id, consistency }) => [id, consistency.join(", ")]),
  );
let driven = "";

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

    await demo().drivers.start();
    await sleep(500);
    const saved = w.run([...live, "--require", "native"]);
    expect(saved.err).toBe("");
    expect(saved.status).toBe(0);
    expect(staged()).toEqual([]);
    driven = hex((await newest()).id);
    await sleep(500);
    await demo().drivers.stop();
    expect(await levels()).toMatchObject({
      "hero_secrets/db": "native, none",
      "postgres/cluster": "native, none",
      "postgres/space": "native, none",
    });
  }, 120_000);

  it("are copied where their service cannot stand still, and the others are cut", async () => {
    const [pid = 0] = await demo().supervisor.pids("postgres");
    await using _ = await traced(pid);
    const dry = w.run(["backup", "--instance", root, "--dry-run"]);
    expect(dry.err).toBe("");
    expect(dry.out).toMatch(/^take +hero_secrets\/db .* process-crash, one moment\n/m);
    expect(dry.out).toMatch(/^copy +postgres\/cluster .* native, none\n/m);
    expect(dry.out).toMatch(/^not stopped, copied by its engine: postgres\n/m);
    expect(dry.out).not.toContain(`(pid ${pid})`);
    const argv = ["backup", "--instance", root, "--max-pause", "20"];
    const all = w.run([...argv, "--require", "process-crash,one moment"]);
    expect(all.err).toMatch(/^holdall: postgres\/cluster would be native, none: /);
    expect(all.status).toBe(23);
    const saved = w.run(argv);
    expect([saved.err, saved.status]).toEqual(["", 0]);
    expect(saved.out).toMatch(/stood still \d+ ms at .*; worst level native, none \(postgres/);
    expect(await levels()).toMatchObject({
      "hero_secrets/db": "process-crash, one moment",
      "postgres/space": "native, none",
    });
  }, 120_000);
});

describe.runIf(runs)("units whose services have ended", () => {
  it("are worth a clean stop as long as what they left proves it", async () => {
    await demo().supervisor.stop("postgres");
    await demo().supervisor.stop("hero_secrets");
    const ended = "clean-stop, one moment";
    const inventory = w.run(["inventory", root]).out;
    expect(inventory).toMatch(/^postgres\/cluster .* clean-stop +one moment/m);
    const clean = ["backup", "--instance", root, "--require", "clean-stop"];
    const units = ["--service", "postgres", "--service", "hero_secrets"];
    expect(w.run([...clean, ...units])).toMatchObject({ err: "", status: 0 });
    expect(await levels()).toEqual({
      "hero_secrets/db": ended,
      "postgres/cluster": ended,
      "postgres/space": ended,
    });
    // What a killed one leaves.
    const log = join(dataOf(demo().place, "hero_secrets"), "secrets.db-wal");
    const pid = join(dataOf(demo().place, "postgres"), "data", "postmaster.pid");
    writeFileSync(log, "");
    writeFileSync(pid, "4194303\n");
    const { out } = w.run(["backup", "--instance", root, "--dry-run"]);
    expect(out).toMatch(/^take +hero_secrets\/db .* process-crash, one moment\n/m);
    expect(out).toMatch(/^take +postgres\/cluster .* process-crash, one moment\n/m);
    expect(w.run([...clean, ...units]).status).toBe(23);
    rmSync(log);
    rmSync(pid);
  }, 120_000);
});

describe.runIf(runs)("units that their engines copied", () => {
  it("come back at another root for another user, and have what they must have", async () => {
    await demo().stop();
    const place = prepare(demo(), target, "www-data");
    const options = ["--instance", target, "--owner", "nobody=www-data"];
    expect(w.run(["restore", driven, ...options])).toMatchObject({ status: 0, err: "" });
    const links = join(dataOf(place, "postgres"), "data", "pg_tblspc");
    expect(readdirSync(links).map((name) => readlinkSync(join(links, name)))).toEqual([
      join(dataOf(place, "postgres"), "space"),
    ]);
    expect(readdirSync(dataOf(place, "hero_secrets"))).toEqual(["secrets.db"]);

    await using back = await startDemo({
      root: target,
      user: "www-data",
      broken: true,
      services: demo().services,
    });
    expect(back.silent).toEqual([]);
    const all = await stored(w.at("repo"), w.at("key"));
    const snapshot = all.find(({ id }) => hex(id) === driven);
    if (snapshot === undefined) throw new Error("no snapshot");
    const report = await checkDemo(target, demo().journal, copiesIn(snapshot), true);
    expect(report.findings).toEqual([]);
    for (const number of [report.promised, report.forbidden, report.present])
      expect(number).toBeGreaterThan(20);
  }, 120_000);
});
