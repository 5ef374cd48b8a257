/**
 * A tablespace that a real PostgreSQL has made since its last checkpoint: its recovery makes it
 * again at the source's path. A cut of it is tried and comes back beside its source, of which
 * nothing is written to; where it cannot come back, nobody can start it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lateSpaces } from "../../src/instance/wal.ts";
import { put } from "../support/instance.ts";
import { digest } from "../support/tree.ts";
import { own } from "./config.ts";
import { direct } from "./direct.ts";
import { has, needed } from "./parts.ts";
import { as, dataOf, type Place, socketsOf } from "./place.ts";
import { isGone, know } from "./processes.ts";
import { isReady } from "./ready.ts";
import { prepare } from "./revived.ts";
import { running } from "./running.ts";
import { choose } from "./services.ts";
import { until } from "./supervisor.ts";

const runs = (["postgres", "unshare"] as const).every(has);
const { w, root, demo } = running(runs, { services: ["postgres"], alone: true });
const UNIT = `
[[state]]
service = "postgres"
id = "late"
paths = ["var/postgres/late"]
engine = "postgres"
separation = "none"
cut-with = ["cluster"]
crash-safe = "process"
verify = { with = "cluster" }
`;
const ROWS = 2000;

const lateOf = (place: Place) => join(dataOf(place, "postgres"), "late");
const clusterOf = (place: Place) => join(dataOf(place, "postgres"), "data");
const descriptors = (place: Place) => join(place.root, "holdall.toml");

function sql(place: Place, ...statements: string[]): string {
  const words = ["-qXAt", "-h", socketsOf(place, "postgres"), "-U", "hero", "root"];
  const asked = statements.flatMap((statement) => ["-c", statement]);
  const [first = "", ...rest] = [...as(place), needed("psql"), ...words, ...asked];
  return execFileSync(first, rest, { encoding: "utf8", cwd: "/" }).trim();
}

/** A root with its own configuration that has a unit for the new tablespace. */
function target(name: string): Place {
  const place = prepare(demo(), w.at(name), "nobody");
  appendFileSync(descriptors(place), UNIT);
  return place;
}

const linksOf = (place: Place) => {
  const folder = join(clusterOf(place), "pg_tblspc");
  return readdirSync(folder).map((name) => readlinkSync(join(folder, name)));
};
const link = (place: Place) => join(clusterOf(place), "pg_tblspc", "99999");
const restore = (place: Place) => ["restore", "latest", "--instance", place.root, "--no-start"];
const placesOf = (place: Place) => ["space", "late"].map((n) => join(dataOf(place, "postgres"), n));

/** Its PostgreSQL runs until this is disposed of. */
async function started(place: Place): Promise<AsyncDisposable> {
  const services = choose(["postgres"]).services.filter(({ driver }) => !driver);
  const supervisor = direct(place, services);
  const [service] = services;
  if (service === undefined) throw new Error("PostgreSQL is not there");
  await until("it does not answer", 30, () => isReady(place, service));
  return { [Symbol.asyncDispose]: supervisor.end };
}

const said = (name: string, ...words: string[]) =>
  spawnSync(needed(name), words, { encoding: "utf8" }).stdout;
const beginOf = (cluster: string) =>
  /REDO location: +(\S+)/.exec(said("pg_controldata", "-D", cluster))?.[1] ?? "";

/** What the engine's own reader finds from where recovery begins. */
function dumped(cluster: string): string[] {
  const log = join(cluster, "pg_wal");
  const text = said("pg_waldump", "--rmgr=Tablespace", "-p", log, "-s", beginOf(cluster));
  return [...text.matchAll(/desc: CREATE (\d+ "[^"]*")/g)].map(([, what = ""]) => what);
}

describe.runIf(runs)("a tablespace made after the last checkpoint", () => {
  it("is found in the log as the engine finds it, over the ends of files and pages", () => {
    const { place } = demo();
    mkdirSync(lateOf(place), { mode: 0o700 });
    own(place, lateOf(place));
    appendFileSync(descriptors(place), UNIT);
    const fill =
      "INSERT INTO filler SELECT repeat(md5(i::text), 30) FROM generate_series(1, 9000) i";
    sql(
      place,
      "CHECKPOINT",
      "CREATE TABLE filler (t text)",
      ...[fill, "SELECT pg_switch_wal()", fill],
      `CREATE TABLESPACE late LOCATION '${lateOf(place)}'`,
      `CREATE TABLE rows TABLESPACE late AS SELECT generate_series(1, ${ROWS}) AS n`,
      ...[fill, "DROP TABLE filler"],
    );
    const cluster = clusterOf(place);
    const find = (path: string) =>
      lateSpaces("postgres", path).map(({ oid, at }) => `${oid} "${at}"`);
    expect(find(cluster)).toEqual(dumped(cluster));
    expect(find(cluster)).toHaveLength(1);
    // A copy by pg_basebackup says itself where its recovery begins.
    const copy = w.at("copy");
    execFileSync("cp", ["-a", cluster, copy]);
    writeFileSync(join(copy, "backup_label"), `START WAL LOCATION: ${beginOf(cluster)} (file 0)\n`);
    rmSync(join(copy, "global/pg_control"));
    expect(find(copy)).toEqual(find(cluster));
    rmSync(join(copy, "backup_label"));
    expect(find(copy)).toEqual([]);
  }, 60_000);

  it("comes up on a clone of the cut, where its path leads into the clone", () => {
    expect(w.run(["init"]).status).toBe(0);
    const names = () => readdirSync(lateOf(demo().place), { recursive: true }).sort();
    const before = names();
    const saved = w.run(["backup", "--instance", root, "--max-pause", "20", "--verify"]);
    expect([saved.err, saved.status]).toEqual(["", 0]);
    expect(saved.out).toMatch(/^verified on a clone: postgres\/cluster, .*postgres\/late/m);
    expect(names()).toEqual(before);
  }, 120_000);
});

describe.runIf(runs)("a snapshot that has one", () => {
  it("comes back beside its killed source, where nothing is written", async () => {
    const place = target("one");
    for (const pid of (await demo().pids()).postgres ?? []) {
      const known = know(pid);
      if (known === null) continue;
      process.kill(pid, "SIGKILL");
      if (!(await isGone(known, 20))) throw new Error("the source does not end");
    }
    const before = digest(dataOf(demo().place, "postgres"));
    expect(w.run(restore(place))).toMatchObject({ status: 0, err: "" });
    expect(linksOf(place).sort()).toEqual(placesOf(place).sort());
    expect(lateSpaces("postgres", clusterOf(place))).toEqual([]);
    await using _ = await started(place);
    expect(sql(place, "SELECT count(*) FROM rows")).toBe(String(ROWS));
    sql(place, "INSERT INTO rows VALUES (0)", "CHECKPOINT");
    expect(linksOf(place).sort()).toEqual(placesOf(place).sort());
    expect(digest(dataOf(demo().place, "postgres"))).toBe(before);
  }, 120_000);

  it("starts for nobody where no way to recover it is known, and then the restore goes on", () => {
    const place = target("two");
    const text = readFileSync(descriptors(place), "utf8");
    const mute = text
      .replace(/\n\[state\.verify\]\nstart = \[[^\]]*\]\n/, "\n")
      .replaceAll('verify = { with = "cluster" }\n', "");
    writeFileSync(descriptors(place), mute);
    const refused = w.run(restore(place));
    expect(refused.err).toMatch(
      /^holdall: \S+: tablespace \d+ was made after .* at \S+late, where .* has no verify\.start/,
    );
    expect(refused.status).toBe(24);
    const start = [...as(place), needed("postgres"), "-D", clusterOf(place)];
    const { stderr, status } = spawnSync(start[0] ?? "", start.slice(1), { cwd: "/" });
    expect(String(stderr)).toContain("is not a valid data directory");
    expect(status).toBeGreaterThan(0);
    writeFileSync(descriptors(place), text);
    expect(w.run(restore(place))).toMatchObject({ status: 0, err: "" });
    expect(linksOf(place).sort()).toEqual(placesOf(place).sort());
  }, 120_000);

  it("starts for nobody while a link leads out of what was saved, to where the source writes", () => {
    const [place, abroad] = [target("four"), w.at("abroad")];
    put(abroad, { kept: "by the source" });
    symlinkSync(abroad, link(demo().place));
    expect(w.run(["backup", "--instance", root]).status).toBe(0);
    const refused = w.run(restore(place));
    expect(refused.err).toContain(`${link(place)}: leads out of what was saved, to ${abroad}; `);
    expect(refused.status).toBe(24);
    const cluster = clusterOf(place);
    expect(existsSync(join(cluster, "PG_VERSION"))).toBe(false);
    // All else is settled: what the line says to do is enough.
    const [, version = ""] = /with (\d+)$/m.exec(refused.err) ?? [];
    rmSync(link(place));
    writeFileSync(join(cluster, "PG_VERSION"), `${version}\n`);
    expect(lateSpaces("postgres", cluster)).toEqual([]);
    expect(linksOf(place).sort()).toEqual(placesOf(place).sort());
    expect(readdirSync(abroad)).toEqual(["kept"]);
    rmSync(link(demo().place));
    expect(w.run(["backup", "--instance", root]).status).toBe(0);
  }, 120_000);

  it("comes back where the source is not, once there is an empty folder in its place", async () => {
    const place = target("three");
    await demo().stop();
    renameSync(root, w.at("gone"));
    const refused = w.run(restore(place));
    expect(refused.err).toContain(": make that folder, which stays empty; its PG_VERSION");
    expect(refused.status).toBe(24);
    const at = join(root, "var/postgres/late");
    mkdirSync(at, { recursive: true });
    expect(w.run(restore(place))).toMatchObject({ status: 0, err: "" });
    expect(readdirSync(at)).toEqual([]);
    expect(existsSync(join(clusterOf(place), "PG_VERSION"))).toBe(true);
    expect(linksOf(place).sort()).toEqual(placesOf(place).sort());
  }, 120_000);
});
