/**
 * Real processes killed at moments from a seed: what was acknowledged restores, the next run works.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { differences, temporary } from "../support/tree.ts";

const MAIN = join(import.meta.dirname, "../../.build/src/cli/main.js");
const SEED = 11;

function random(seed: number): () => number {
  let x = seed;
  return () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x / 2 ** 32;
  };
}

/** Starts the command and kills it after so many milliseconds; true when it ended before. */
function killed(args: string[], env: NodeJS.ProcessEnv, after: number): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), after);
    child.on("exit", (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}

it("kill -9 of backups and restores loses nothing acknowledged", { timeout: 240_000 }, async () => {
  using place = temporary();
  const source = join(place.path, "source");
  const next = random(SEED);
  mkdirSync(source);
  for (let i = 0; i < 400; i++) {
    const bytes = Buffer.alloc(20_000 + (i % 7) * 60_000).map(() => next() * 256);
    writeFileSync(join(source, `f${i}`), bytes);
  }
  writeFileSync(join(place.path, "key"), "17".repeat(32));
  const env = {
    ...process.env,
    HOLDALL_REPOSITORY: join(place.path, "repo"),
    HOLDALL_KEYFILE: join(place.path, "key"),
  };
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { env, encoding: "utf8" });
  expect(run("init").status).toBe(0);
  // Moments are shares of what one backup takes here, so that a fast machine is killed in time,
  // too.
  const started = performance.now();
  expect(run("backup", source).status).toBe(0);
  const whole = performance.now() - started;
  let kills = 0;
  let acknowledged = 1;
  for (let round = 0; kills < 16 && round < 100; round++) {
    writeFileSync(
      join(source, `f${round}`),
      Buffer.alloc(300_000).map(() => next() * 256),
    );
    const done = await killed(["backup", source], env, next() * whole);
    if (done) acknowledged++;
    else kills++;
    const listed = JSON.parse(run("snapshots", "--json").stdout) as unknown[];
    expect(listed.length).toBeGreaterThanOrEqual(acknowledged);
  }
  expect(kills).toBe(16);
  expect(run("backup", source).status).toBe(0);
  expect(run("check", "--read").stdout).toContain(": 0 problems");
  const out = join(place.path, "out");
  for (let round = 0; round < 6; round++) {
    await killed(["restore", `latest:${source}`, "--to", out], env, next() * whole);
  }
  expect(run("restore", `latest:${source}`, "--to", out).status).toBe(0);
  expect(differences(source, out)).toEqual([]);
});

it("backups of several processes into one repository just work", { timeout: 120_000 }, async () => {
  using place = temporary();
  writeFileSync(join(place.path, "key"), "18".repeat(32));
  const env = {
    ...process.env,
    HOLDALL_REPOSITORY: join(place.path, "repo"),
    HOLDALL_KEYFILE: join(place.path, "key"),
  };
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { env, encoding: "utf8" });
  run("init");
  const sources = ["a", "b", "c", "d"].map((name) => {
    const source = join(place.path, name);
    mkdirSync(source);
    writeFileSync(join(source, "shared"), "the same in all\n".repeat(20_000));
    writeFileSync(join(source, "own"), name.repeat(50_000));
    return source;
  });
  const ended = await Promise.all(sources.map((s) => killed(["backup", s], env, 60_000)));
  expect(ended).toEqual([true, true, true, true]);
  expect(run("check", "--read").stdout).toMatch(/^4 snapshots.*: 0 problems/);
  const rows = JSON.parse(run("snapshots", "--json").stdout) as { id: string; paths: string[] }[];
  for (const { id, paths } of rows) {
    const out = join(place.path, `out-${id}`);
    expect(run("restore", `${id}:${paths[0]}`, "--to", out).status).toBe(0);
    expect(differences(paths[0] ?? "", out)).toEqual([]);
  }
});
