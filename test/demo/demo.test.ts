/** The demo instance: a copy made while all stands comes back whole; any other is seen broken. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporary } from "../support/tree.ts";
import { now, readJournal } from "./chain.ts";
import { checkDemo, digests } from "./check.ts";
import { adopt, type Demo, startDemo } from "./demo.ts";
import { database } from "./engines.ts";
import { stoppedAt } from "./oracle.ts";
import { has, INSTALL, type Part } from "./parts.ts";
import { dataOf, socketsOf } from "./place.ts";
import { resp } from "./resp.ts";
import { rpc } from "./socket.ts";
import { serviceOf } from "./unit.ts";

const missing = (Object.keys(INSTALL) as Part[]).filter((part) => !has(part));
for (const part of missing) {
  // A gate must have everything; elsewhere what is missing is told, with what installs it.
  if (process.env.HOLDALL_CI !== undefined) throw new Error(`${part}: ${INSTALL[part]}`);
  console.warn(`demo: ${part} is missing; ${INSTALL[part]}`);
}
/** Spoils what services hold, behind their back or through them; what the oracle must say of it. */
async function plant({ place, services }: Demo): Promise<string[]> {
  const chain = `seed-${place.seed}-geomind`;
  const planted: string[] = [];
  if (services.includes("postgres")) {
    const client = await database(place, "geomind");
    const first = "SELECT min(id) FROM operations WHERE chain = $1";
    await client.query(`DELETE FROM operations WHERE id = (${first})`, [chain]);
    await client.end();
    planted.push("lost postgres/cluster", "order postgres/cluster");
  }
  if (services.includes("redis")) {
    using to = await resp(join(socketsOf(place, "redis"), "redis.sock"));
    const key = `geomind:chain:${chain}`;
    const [one, two] = (await to.send("LRANGE", key, "0", "1")) as [string, string];
    await to.send("LSET", key, "0", two);
    await to.send("LSET", key, "1", one);
    planted.push("order redis/aof");
  }
  const folder = join(dataOf(place, "hero_collab"), "attachments");
  const file = readdirSync(folder).find((name) => name.startsWith(chain)) ?? "";
  truncateSync(join(folder, file), 10);
  return [...planted, "torn hero_collab/db"];
}

const runs = has("python3");
const supervised = has("zinit-server") && has("unshare");

const place = temporary();
chmodSync(place.path, 0o711);
const live = join(place.path, "live");
let demo: Demo;
let copying = 0n;

beforeAll(async () => {
  if (runs) demo = await startDemo({ root: join(place.path, "source") });
}, 120_000);

afterAll(async () => {
  if (runs) await demo.stop();
  place[Symbol.dispose]();
}, 120_000);

describe.runIf(runs)("the demo instance", () => {
  it("runs every service that can run here, each with processes of its own", async () => {
    const pids = await demo.pids();
    expect(demo.services.filter((name) => (pids[name] ?? []).length === 0)).toEqual([]);
    expect(demo.absent.length > 0).toBe(missing.length > 0);
    const [first = 0] = pids.hero_osis ?? [];
    const space = (pid: number | "self", kind: string) => readlinkSync(`/proc/${pid}/ns/${kind}`);
    for (const kind of supervised ? ["pid", "net"] : [])
      expect(space(first, kind)).not.toBe(space("self", kind));
  });

  it.runIf(supervised)("runs once in a place that has a zinit", async () => {
    await expect(startDemo({ root: demo.root })).rejects.toThrow("an instance runs at");
  });

  it("has the endpoints of a service", async () => {
    using daemon = rpc(join(socketsOf(demo.place, "hero_osis"), "rpc.sock"));
    expect(await daemon.get("/health")).toEqual({ status: "ok", service: "hero_osis" });
    const { methods } = (await daemon.get("/openrpc.json")) as { methods: { name: string }[] };
    expect(methods.map(({ name }) => name)).toContain("object.put");
    expect(await daemon.get("/.well-known/heroservice.json")).toMatchObject({ name: "hero_osis" });
    await expect(daemon.call("no.such", {})).rejects.toThrow("no method");
  });

  it("is driven through every unit, from inside and outside", async () => {
    await demo.drivers.start();
    await sleep(1500);
    copying = now();
    adopt(demo.root, live, true);
    await sleep(300);
    await demo.drivers.stop();
    const report = await checkDemo(demo.root, demo.journal, stoppedAt(now()));
    expect(report.findings).toEqual([]);
    expect(report.present).toBeGreaterThan(100);
    expect(Object.values(report.gaps).every((gap) => gap > 0)).toBe(true);
    const lines = readJournal(demo.journal);
    for (const inside of [true, false]) {
      const driven = lines.flat().filter((op) => op.chain.inside === inside);
      const asked = new Set(driven.map(({ unit }) => serviceOf(unit)));
      const none = inside ? ["hero_embedder"] : ["hero_embedder", "hero_osis"];
      const kept = demo.services.filter((name) => !none.includes(name));
      expect([...asked].sort()).toEqual([...kept].sort());
    }
  }, 120_000);
});

describe.runIf(runs)("a copy of the demo instance", () => {
  it("comes back from a copy made while it was stopped: longer path, another user", async () => {
    const before = await digests(demo.root, demo.journal);
    expect(Object.keys(before).length).toBe(demo.services.length - 1);
    await demo.stop();
    const root = join(place.path, "a-long-name/".repeat(10), "target");
    mkdirSync(join(root, ".."), { recursive: true });
    adopt(demo.root, root);
    const at = stoppedAt(now());
    await using other = await startDemo({ root, user: "www-data" });
    expect(socketsOf(other.place, "hero_osis").length).toBeGreaterThan(108);
    expect(existsSync(join(demo.root, "var/sockets/hero_osis/rpc.sock"))).toBe(false);
    const report = await checkDemo(root, demo.journal, at);
    expect(report.findings).toEqual([]);
    expect(report.present).toBeGreaterThan(100);
    expect(await digests(root, demo.journal)).toEqual(before);

    const planted = await plant(other);
    const after = await checkDemo(root, demo.journal, at);
    const seen = after.findings.map(({ kind, unit }) => `${kind} ${unit}`);
    expect(seen.sort()).toEqual(planted.sort());
  }, 120_000);

  it("is seen broken in a copy made while it ran", async () => {
    // Without PostgreSQL, of which such a copy mostly does not even start.
    const services = demo.services.filter((name) => name !== "postgres");
    await using other = await startDemo({ root: live, services, broken: true, patience: 5 });
    const { findings } = await checkDemo(live, demo.journal, stoppedAt(copying));
    const wrong = findings.filter(({ unit }) => other.services.includes(serviceOf(unit)));
    expect(new Set(wrong.map(({ kind }) => kind)).size).toBeGreaterThan(1);
  }, 120_000);
});

describe.runIf(runs)("a demo instance without zinit", () => {
  it("starts, is driven and ends; its port is nobody else's", async () => {
    const services = ["hero_db", "hero_osis", "hero_secrets"];
    await using alone = await startDemo({ root: join(place.path, "alone"), services, alone: true });
    await alone.drivers.start();
    await sleep(300);
    await alone.drivers.stop();
    const { findings, present } = await checkDemo(alone.root, alone.journal, stoppedAt(now()));
    expect(findings).toEqual([]);
    expect(present).toBeGreaterThan(20);
    const pids = Object.values(await alone.pids()).flat();
    expect(pids.length).toBe(alone.services.length);
    await alone.stop();
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  }, 120_000);

  it("refuses a root that its user cannot enter, and one that is half made", async () => {
    const closed = join(place.path, "closed", "root");
    mkdirSync(join(closed, ".."), { mode: 0o700 });
    const start = (root: string) => startDemo({ root, services: ["hero_osis"], alone: true });
    if (process.getuid?.() === 0) await expect(start(closed)).rejects.toThrow("cannot enter");
    const half = join(place.path, "half");
    mkdirSync(join(half, "cfg"), { recursive: true });
    writeFileSync(join(half, "cfg", "half-made"), "");
    await expect(start(half)).rejects.toThrow("is half made");
  });
});
