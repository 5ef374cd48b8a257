/** What engines leave when they end, and when they are killed. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { endedUnits } from "../../src/instance/ended.ts";
import type { Holding } from "../../src/instance/facts.ts";
import { parseInstance } from "../../src/instance/parse.ts";
import { initCluster } from "../demo/config.ts";
import { has, needed } from "../demo/parts.ts";
import { as, dataOf, type Place, user } from "../demo/place.ts";
import { temporary } from "../support/tree.ts";

const temp = temporary();
chmodSync(temp.path, 0o711);
const root = join(temp.path, "hero");
mkdirSync(join(root, "var"), { recursive: true });
afterAll(() => temp[Symbol.dispose]());

/** Ids of what ended cleanly, of units by their engines and paths; `stop` is their service's. */
function ended(units: readonly (readonly [string, string])[], stop = "", open = false): string[] {
  const states = units.map(
    ([engine, path], at) =>
      `[[state]]\nservice="s"\nid="u${at}"\nengine="${engine}"\npaths=["${path}"]\n`,
  );
  const text = `[[service]]\nname = "s"\n${stop}\n${states.join("")}`;
  const instance = { root, ...parseInstance("holdall.toml", text) };
  const holdings = instance.services
    .flatMap((service) => service.units)
    .map(
      (unit): Holding => ({
        unit,
        context: "",
        tops: [...unit.paths],
        holes: [],
        ...{ files: 1, bytes: 1, newest: 0, places: [] },
        openBy: open ? [{ pid: 1, name: "w", how: "reads" }] : [],
      }),
    );
  return [...endedUnits(instance, holdings, (path) => path)];
}

/** A process that holds a database open, after it has written to it. */
async function writer(path: string, mode: string): Promise<ChildProcess> {
  const child = spawn("sqlite3", [path], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.write(`PRAGMA journal_mode=${mode}; CREATE TABLE t(x); INSERT INTO t VALUES(1);\n`);
  child.stdin.write("SELECT 'ready';\n");
  for await (const part of child.stdout) if (String(part).includes("ready")) break;
  return child;
}

describe.runIf(has("sqlite3"))("a database", () => {
  it("that was closed has no log, one that was killed has", async () => {
    const unit = ["sqlite", "var/wal.db"] as const;
    const killed = await writer(join(root, "var/wal.db"), "wal");
    expect(ended([unit])).toEqual([]);
    killed.kill("SIGKILL");
    await once(killed, "exit");
    expect(existsSync(join(root, "var/wal.db-wal"))).toBe(true);
    expect(ended([unit])).toEqual([]);
    execFileSync("sqlite3", [join(root, "var/wal.db"), "SELECT x FROM t"]);
    expect(ended([unit])).toEqual(["s/u0"]);
    expect(ended([unit], "", true)).toEqual([]);
    // What the service left besides counts, too, and what leaves nothing that tells is not told.
    const stop = 'stop = { absent = ["var/*.lock"] }';
    expect(ended([unit], stop)).toEqual(["s/u0"]);
    writeFileSync(join(root, "var/x.lock"), "");
    expect(ended([unit], stop)).toEqual([]);
    rmSync(join(root, "var/x.lock"));
    const others = ["redis", "lmdb", "redb", "files"].map((engine, at) => [engine, `var/${at}`]);
    expect(ended([unit, ...(others as [string, string][])])).toEqual(["s/u0", "s/u4"]);
    expect(ended(others as [string, string][])).toEqual([]);
  });

  it("without a write-ahead log tells nothing: it is the same after a kill", async () => {
    const killed = await writer(join(root, "var/plain.db"), "delete");
    killed.kill("SIGKILL");
    await once(killed, "exit");
    expect(ended([["sqlite", "var/plain.db"]])).toEqual([]);
    const both = [["sqlite", "var/plain.db"] as const, ["sqlite", "var/wal.db"] as const];
    expect(ended(both)).toEqual(["s/u0", "s/u1"]);
    writeFileSync(join(root, "var/plain.db-journal"), "hot");
    expect(ended(both)).toEqual([]);
  });
});

describe.runIf(has("postgres"))("a cluster", () => {
  const place: Place = { root, seed: 1, user: user("nobody") };
  const data = join(dataOf(place, "postgres"), "data");
  const units = [
    ["postgres", "var/postgres/data"] as const,
    ["postgres", "var/postgres/space"] as const,
  ];

  it("that was shut down says so, one that was killed does not", async () => {
    mkdirSync(dataOf(place, "postgres"), { recursive: true });
    initCluster(place);
    expect(ended(units)).toEqual(["s/u0", "s/u1"]);
    expect(ended(units.slice(1))).toEqual([]);
    const [command = "", ...words] = [...as(place), needed("postgres"), "--single", "-D", data];
    const server = spawn(command, [...words, "postgres"], {
      stdio: ["pipe", "ignore", "ignore"],
      cwd: "/",
    });
    const pid = join(data, "postmaster.pid");
    while (!existsSync(pid)) await sleep(20);
    server.stdin.write("CHECKPOINT\n");
    await sleep(500);
    server.kill("SIGKILL");
    await once(server, "exit");
    expect(ended(units)).toEqual([]);
    rmSync(pid);
    expect(ended(units)).toEqual([]);
    execFileSync(command, [...words, "postgres"], { input: "", stdio: "pipe", cwd: "/" });
    expect(ended(units)).toEqual(["s/u0", "s/u1"]);
  }, 60_000);
});
