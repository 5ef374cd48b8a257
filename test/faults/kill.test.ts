/**
 * Real processes beside one another, killed at moments from a seed: what was acknowledged restores,
 * the next run works, and nothing has to be cleared away by hand.
 */

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { differences, temporary } from "../support/tree.ts";
import { witness } from "../support/witness.ts";

const KEY = "17".repeat(32);

const MAIN = join(import.meta.dirname, "../../.build/bin/holdall.js");
const SEED = Number(process.env.SEED ?? 11);
const ROUNDS = process.env.SLOW ? 40 : 5;

function random(seed: number): () => number {
  let x = seed;
  return () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x / 2 ** 32;
  };
}

const noise = (name: string, length: number) =>
  createHash("shake256", { outputLength: length }).update(`${SEED} ${name}`).digest();

/** Starts the command and kills it after so many milliseconds; what it said, and how it ended. */
function killed(args: string[], env: NodeJS.ProcessEnv, after: number) {
  return new Promise<{ code: number | null; out: string }>((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], { env });
    const timer = setTimeout(() => child.kill("SIGKILL"), after);
    let out = "";
    child.stdout?.on("data", (bytes: Buffer) => {
      out += bytes.toString("utf8");
    });
    child.stderr?.resume();
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, out });
    });
  });
}

/** Every file below a folder, with a hash of its bytes. */
function picture(folder: string): [string, string][] {
  const names = readdirSync(folder, { encoding: "utf8" }).sort();
  return names.map((name) => {
    const bytes = readFileSync(join(folder, name));
    return [name, createHash("sha256").update(bytes).digest("hex")];
  });
}

function world(path: string) {
  writeFileSync(join(path, "key"), KEY);
  const env = {
    ...process.env,
    HOLDALL_REPOSITORY: join(path, "repo"),
    HOLDALL_KEYFILE: join(path, "key"),
    HOLDALL_CACHE: join(path, "cache"),
  };
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { env, encoding: "utf8" });
  expect(run("init").status).toBe(0);
  return { env, run };
}

const WRITERS = ["a", "b", "c", "d"];

it("four writers of overlapping sources, killed: what was acknowledged restores", {
  timeout: 240_000,
}, async () => {
  using place = temporary();
  const { env, run } = world(place.path);
  const next = random(SEED);
  const at = (name: string) => join(place.path, "source", name);
  for (const name of ["shared", ...WRITERS]) {
    mkdirSync(at(name), { recursive: true });
    for (let i = 0; i < 12; i++) writeFileSync(join(at(name), `f${i}`), noise(name + i, 600_000));
  }
  const backup = (writer: string, after: number) =>
    killed(["backup", at("shared"), at(writer), "--json"], env, after);
  // Moments are shares of what one round takes here, so that a fast machine is killed in time, too.
  const started = performance.now();
  const first = await Promise.all(WRITERS.map((w) => backup(w, 120_000)));
  const whole = performance.now() - started;
  expect(first.map((r) => r.code)).toEqual([0, 0, 0, 0]);
  const acknowledged = new Map<string, [path: string, files: [string, string][]][]>();
  let kills = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [all, own] = [`all-${round}`, `own-${round}`];
    writeFileSync(join(at("shared"), all), noise(all, 2_000_000));
    for (const w of WRITERS) writeFileSync(join(at(w), own), noise(w + own, 1_000_000));
    const ended = await Promise.all(WRITERS.map((w) => backup(w, next() * whole * 1.3)));
    for (const [i, { out }] of ended.entries()) {
      const said = /"event":"snapshot".*"id":"([0-9a-f]+)"/.exec(out);
      if (said === null) kills++;
      else {
        const paths = [at("shared"), at(WRITERS[i] ?? "")];
        acknowledged.set(
          said[1] ?? "",
          paths.map((p) => [p, picture(p)]),
        );
      }
    }
  }
  const seed = `seed ${SEED}, ${kills} killed, ${acknowledged.size} acknowledged`;
  expect(kills, seed).toBeGreaterThan(0);
  expect(acknowledged.size, seed).toBeGreaterThan(0);
  for (const [id, paths] of acknowledged) {
    const out = join(place.path, `out-${id}`);
    const restored = run("restore", id, "--to", out);
    expect(restored.status, `${seed}: ${restored.stderr}`).toBe(0);
    for (const [path, files] of paths) expect(picture(join(out, path)), seed).toEqual(files);
  }
  expect(run("backup", at("shared"), at("a")).status).toBe(0);
  const checked = run("check", "--read");
  expect(checked.status, `${seed}: ${checked.stdout}`).toBe(0);
  witness(join(place.path, "repo"), KEY);
});

it("a restore that was killed is finished by the next", { timeout: 120_000 }, async () => {
  using place = temporary();
  const { env, run } = world(place.path);
  const next = random(SEED);
  const source = join(place.path, "source");
  mkdirSync(source);
  for (let i = 0; i < 60; i++) writeFileSync(join(source, `f${i}`), noise(`f${i}`, 500_000));
  expect(run("backup", source).status).toBe(0);
  const started = performance.now();
  const args = (to: string) => ["restore", `latest:${source}`, "--to", join(place.path, to)];
  expect(run(...args("whole")).status).toBe(0);
  const whole = performance.now() - started;
  for (let round = 0; round < 6; round++) await killed(args("out"), env, next() * whole);
  expect(run(...args("out")).status).toBe(0);
  expect(differences(source, join(place.path, "out"))).toEqual([]);
});

it.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends a backup of a silent input or command",
  async (signal) => {
    using place = temporary();
    const { env, run } = world(place.path);
    for (const from of [
      ["--stdin", "in"],
      ["--command", "in", "--", "sleep", "60"],
    ]) {
      const child = spawn(process.execPath, [MAIN, "backup", ...from], {
        env,
        stdio: ["pipe", "ignore", "ignore"],
      });
      // It listens for signals once it has asked the repository, which is when its claim is there.
      const claims = () => readdirSync(join(place.path, "repo", "claims")).length;
      const before = existing(claims);
      while (existing(claims) === before) await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, 300));
      const started = performance.now();
      child.kill(signal);
      const status = await new Promise((resolve) => child.on("exit", resolve));
      // The command line gives up waiting after three seconds; in good order it is over before.
      expect(performance.now() - started).toBeLessThan(2500);
      expect(status).toBe(130);
    }
    expect(JSON.parse(run("snapshots", "--json").stdout)).toEqual([]);
  },
);

function existing(count: () => number): number {
  try {
    return count();
  } catch {
    return 0;
  }
}
