/**
 * A cut is tried on a clone before it is a snapshot, and what it answered there is compared with
 * what comes back: with real engines, and with a fault planted for each way in which that can fail.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listens } from "../../src/freeze/find.ts";
import { unitsOf } from "../../src/index.ts";
import { MAIN } from "../support/command.ts";
import { stored } from "../support/stored.ts";
import { digest } from "../support/tree.ts";
import { has } from "./parts.ts";
import { dataOf } from "./place.ts";
import { prepare, started } from "./revived.ts";
import { running } from "./running.ts";
import { flip, stages } from "./saved.ts";
import { until } from "./supervisor.ts";

const COUNTED = [
  ...["hero_collab/db", "hero_db/databases", "hero_ledger/entries", "postgres/cluster"],
  "redis/aof",
];
/** Shown by their own or another unit's trial, and not counted. */
const SHOWN = [
  ...["hero_collab/attachments", "hero_db/admin", "hero_foundry/git", "hero_secrets/db"],
  "postgres/space",
];
const runs = [
  "python3-lmdb",
  "zinit-server",
  "unshare",
  "hero_redis",
  "redis-server",
  "postgres",
].every((part) => has(part as never));

const { w, root, demo } = running(runs);
const backup = ["backup", "--instance", root, "--max-pause", "20", "--verify"];
let verifiedId = "";

const snapshots = () => stored(w.at("repo"), w.at("key"));

const readOr = (path: string) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

describe.runIf(runs)("a cut", () => {
  it("comes up on a clone before it is a snapshot, and what it answers is recorded", async () => {
    expect(w.run(["init"]).status).toBe(0);
    const { verified, id } = w.json(backup) as {
      verified: { units: string[]; not: { unit: string; why: string }[] };
      id: string;
    };
    verifiedId = id;
    expect(verified.units).toEqual(expect.arrayContaining([...COUNTED, ...SHOWN]));
    const left = { unit: "instance/keys", why: "its descriptor says no way to" };
    expect(verified.not).toContainEqual(left);
    const [snapshot, ...more] = await snapshots();
    if (snapshot === undefined || more.length > 0) throw new Error("not one snapshot");
    const said = unitsOf(snapshot).flatMap(({ id, answers }) => (answers ? [{ id, answers }] : []));
    expect(said.map((one) => one.id).sort()).toEqual(COUNTED);
    for (const { answers } of said) expect(answers.count).toBeGreaterThan(0);
    expect(said.filter(({ answers }) => answers.digest !== null)).toHaveLength(2);
    expect(stages(root)).toEqual([]);
    // The sockets are those of the running services, who answer.
    for (const name of demo().services)
      expect((await demo().pids())[name]?.length).toBeGreaterThan(0);
  }, 120_000);

  it("leaves nobody and nothing when holdall is killed while it is tried", async () => {
    const child = spawn(process.execPath, [MAIN, ...backup], { env: w.env, stdio: "ignore" });
    const inside = () =>
      readdirSync("/proc").filter((pid) => {
        if (!/^\d+$/.test(pid)) return false;
        const words = readOr(`/proc/${pid}/cmdline`);
        return words.includes("/clone/") && words.includes(root);
      });
    await until("nothing is tried", 60, async () => (inside().length > 0 ? true : null));
    child.kill("SIGKILL");
    await until("somebody lives on", 10, async () => (inside().length === 0 ? true : null));
    expect(stages(root).length).toBeGreaterThan(0);
  }, 120_000);

  it("is no snapshot when an engine does not start on it: a byte of a control file", async () => {
    const control = join(dataOf(demo().place, "postgres"), "data/global/pg_control");
    flip(control, 60);
    const { status, out, err } = w.run(backup);
    flip(control, 60);
    expect(err).toMatch(
      /^holdall: postgres\/cluster did not come up on [^:]+: ended with status 1: .*control/m,
    );
    expect(status).toBe(25);
    expect(out).not.toContain("saved");
    expect(await snapshots()).toHaveLength(1);
    // Nor is there anything of the run that was killed.
    expect(stages(root)).toEqual([]);
  }, 120_000);
});

describe.runIf(runs)("what was recorded", () => {
  it("is compared when the supervisor has started each service, in their order", async () => {
    const place = prepare(demo(), w.at("one"), "nobody");
    await using _ = started(demo(), place);
    const { instance } = w.json(["restore", verifiedId, "--instance", place.root]) as {
      instance: Record<string, string[]>;
    };
    expect(instance.compared?.sort()).toEqual(COUNTED);
    expect(instance.uncompared).toEqual([]);
    expect(instance.unstarted).toEqual(["instance"]);
    expect(instance.started?.indexOf("hero_secrets")).toBeLessThan(
      instance.started?.indexOf("hero_collab") ?? -1,
    );
  }, 120_000);

  it("differs by one key, and the unit is named with both counts", async () => {
    const place = prepare(demo(), w.at("two"), "nobody");
    await using _ = started(demo(), place, (text) => {
      const at = '"var/sockets/redis/redis.sock"';
      const more = `{ redis = ${at}, command = ["SET", "one", "more"], expect = "OK" }`;
      const steps = `steps = [{ run = ["bin/start", "redis"] }, ${more}]`;
      return text.replace('name = "redis"\n', `name = "redis"\nstart = { ${steps} }\n`);
    });
    const { status, err } = w.run(["restore", verifiedId, "--instance", place.root]);
    const said =
      /^holdall: redis\/aof: the snapshot recorded a count of (\d+), the restored .* has (\d+)$/m;
    expect(err).toMatch(said);
    const [, was, is] = said.exec(err) ?? [];
    expect(Number(is)).toBe(Number(was) + 1);
    expect(status).toBe(24);
  }, 120_000);
});

describe.runIf(runs)("a place where somebody runs", () => {
  const listen = (where: number | string) =>
    new Promise<Server>((done) => {
      const server = createServer().listen(where, () => done(server));
    });

  it("is told before anything is written, and left alone without a start", async () => {
    const place = prepare(demo(), w.at("three"), "nobody");
    const path = w.at("taken.sock");
    const [port, socket] = [await listen(0), await listen(path)];
    const { port: number } = port.address() as { port: number };
    try {
      await using _ = started(demo(), place, (text) =>
        text
          .replace('name = "postgres"\n', `name = "postgres"\nports = [${number}]\n`)
          .replace('socket = "var/sockets/redis/redis.sock"', `socket = "${path}"`),
      );
      const restore = ["restore", verifiedId, "--instance", place.root];
      const { status, err } = w.run(restore);
      const who = `is taken by \\S.* \\(pid ${process.pid}\\)`;
      expect(err).toMatch(new RegExp(`port ${number} of postgres ${who}`));
      expect(err).toMatch(new RegExp(`socket ${path} of redis ${who}`));
      expect(err).toMatch(/^holdall: .*three: 2 things that its services declare, others have/m);
      expect(status).toBe(1);
      expect(existsSync(join(dataOf(place, "postgres"), "data"))).toBe(false);
      const dry = w.json([...restore, "--dry-run"]) as { instance: Record<string, string[]> };
      expect(dry.instance.clashes).toHaveLength(2);
      expect(w.run([...restore, "--no-start"]).status).toBe(0);
      expect(existsSync(join(dataOf(place, "postgres"), "data"))).toBe(true);
    } finally {
      port.close();
      socket.close();
    }
  }, 120_000);

  it("is told of every name that its supervisor runs already, before anything is written", async () => {
    const place = prepare(demo(), w.at("four"), "nobody");
    const socket = join(root, "var/sockets/zinit/zinit.sock");
    await using _ = started(demo(), place, (text) =>
      text
        .replace('socket = "var/sockets/zinit/zinit.sock"', `socket = "${socket}"`)
        .replace('supervised = "redis"', 'supervised = "another"'),
    );
    const restore = ["restore", verifiedId, "--instance", place.root];
    const before = digest(place.root);
    const { status, err } = w.run(restore);
    // It does not know the one, and the drivers do not run.
    const free = ["redis", "hero_agent"];
    const names = demo().services.filter((name) => !free.includes(name));
    const told = [...err.matchAll(/name (\S+) of (\S+) runs at (\S+) already$/gm)];
    const lines = names.map((name) => [name, name, socket]);
    expect(told.map(([, ...words]) => words).sort()).toEqual(lines.sort());
    const many = `: ${names.length} things that its services declare, others have; nothing written`;
    expect(err).toContain(`holdall: ${place.root}${many}\n`);
    expect(status).toBe(1);
    const dry = w.json([...restore, "--dry-run"]) as { instance: Record<string, string[]> };
    expect(dry.instance.clashes).toHaveLength(names.length);
    const zinit = listens(socket) ?? 0;
    process.kill(zinit, "SIGSTOP");
    const silent = w.run(restore);
    process.kill(zinit, "SIGCONT");
    expect(silent.err).toMatch(/name \S+ of \S+ may run there already: .*zinit.sock: no answer/);
    expect(silent.status).toBe(1);
    expect(digest(place.root)).toBe(before);
    expect(w.run([...restore, "--no-start"]).status).toBe(0);
  }, 120_000);
});
