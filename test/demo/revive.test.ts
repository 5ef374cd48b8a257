/**
 * The whole way: a running instance is saved by the command while it is driven, comes back at
 * another root for another user by the command, runs there, and has what it must have.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/index.ts";
import { MAIN } from "../support/command.ts";
import { stored } from "../support/stored.ts";
import { checkDemo, digests } from "./check.ts";
import { startDemo } from "./demo.ts";
import { has } from "./parts.ts";
import { dataOf } from "./place.ts";
import { momentsIn, prepare } from "./revived.ts";
import { running } from "./running.ts";

const runs = ["python3", "zinit-server", "unshare", "hero_redis", "initdb"].every((part) =>
  has(part as never),
);
const ended = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => child.on("close", resolve));

const { w, root, demo } = running(runs);
const target = join(w.place.path, "a-long-name/".repeat(10), "target");
/** Of each unit that the journal has, when the drivers had ended. */
let hashes: Record<string, string>;

describe.runIf(runs)("a running instance", () => {
  it("is saved while it is driven", async () => {
    expect(w.run(["init"]).status).toBe(0);
    await demo().drivers.start();
    await sleep(500);
    const argv = [MAIN, "backup", "--instance", root, "--max-pause", "20"];
    const child = spawn(process.execPath, argv, { env: w.env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (bytes: Buffer) => {
        said += bytes.toString();
      });
    }
    expect(await ended(child), said).toBe(0);
    expect(said).toMatch(/stood still \d+ ms at \d\d:/);
    await sleep(500);
    await demo().drivers.stop();
    hashes = await digests(root, demo().journal);
    expect(w.run([...argv.slice(1), "--tag", "left-alone"]).status).toBe(0);
    await demo().stop();
  }, 240_000);

  it("says what does not fit before it writes anything", async () => {
    const none = w.at("none");
    mkdirSync(none);
    const bare = w.run(["restore", "latest", "--instance", none]);
    expect(bare.status).toBe(20);
    expect(bare.err).toMatch(/^holdall: .*none has no descriptors: its own configuration must be/);
    expect(existsSync(join(none, "var"))).toBe(false);
    const owner = w.run([
      "restore",
      "latest",
      "--instance",
      root,
      "--owner",
      "nobody=no-such-user",
    ]);
    expect(owner.err).toMatch(/^holdall: --owner: there is no user no-such-user on this machine\n/);
    const taken = w.run(["restore", "latest", "--instance", root]);
    expect(taken.err).toMatch(/ is not empty; a restore never mixes two states\n/);
    expect([owner.status, taken.status]).toEqual([2, 1]);
  });

  it("comes back at a longer root for another user, and has what it must have", async () => {
    const place = prepare(demo(), target, "www-data");
    const options = ["--instance", target, "--owner", "nobody=www-data"];
    const [driven] = await stored(w.at("repo"), w.at("key"));
    if (driven === undefined) throw new Error("nothing was saved");
    const id = hex(driven.id);
    const dry = w.json(["restore", id, ...options, "--dry-run"]);
    expect(dry).toMatchObject({ dryRun: true, instance: { from: root, to: target, remapped: [] } });
    expect(existsSync(join(dataOf(place, "postgres"), "data"))).toBe(false);

    const { instance } = w.json(["restore", id, ...options]) as {
      instance: Record<string, string[]>;
    };
    expect(instance.outside).toEqual([]);
    expect(instance.unstarted?.length).toBeGreaterThan(5);
    expect(instance.replaced).toEqual(["cfg/hero_db/admin.secret", "cfg/hero_db/key.secret"]);
    const data = join(dataOf(place, "postgres"), "data");
    const space = JSON.stringify(instance.remapped).match(/pg_tblspc\/\d+/)?.[0] ?? "";
    expect(readlinkSync(join(data, space))).toBe(join(dataOf(place, "postgres"), "space"));
    const fork = join(dataOf(place, "hero_foundry"), "git/acme/fork.git/objects/info/alternates");
    expect(readFileSync(fork, "utf8").trim().startsWith(target)).toBe(true);
    const gone = [join(data, "postmaster.pid"), join(dataOf(place, "hero_ledger"), "lock.mdb")];
    expect(gone.filter((path) => existsSync(path))).toEqual([]);
    expect(lstatSync(join(data, "PG_VERSION")).uid).toBe(place.user?.uid);

    await using back = await startDemo({ root: target, user: "www-data", broken: true });
    expect(back.silent).toEqual([]);
    const report = await checkDemo(target, demo().journal, momentsIn(driven));
    expect(report.findings).toEqual([]);
    for (const number of [report.promised, report.forbidden, report.present])
      expect(number).toBeGreaterThan(20);
  }, 120_000);
});

describe.runIf(runs)("an instance saved when it was left alone", () => {
  it.each([
    ["near", "daemon"],
    [`${"another-long-name/".repeat(8)}far`, "www-data"],
  ])(
    "is the same to its clients at %s, for %s",
    async (folder, user) => {
      const other = join(w.place.path, folder);
      prepare(demo(), other, user);
      const options = ["--instance", other, "--owner", `nobody=${user}`, "--no-start"];
      expect(w.run(["restore", "latest", ...options]).status).toBe(0);
      await using _ = await startDemo({ root: other, user });
      expect(await digests(other, demo().journal)).toEqual(hashes);
    },
    120_000,
  );
});
