/** The command of the demo instance: it stays until it is told to stop, and leaves nothing. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { temporary } from "../support/tree.ts";
import { has } from "./parts.ts";
import { PROJECT } from "./place.ts";
import { until } from "./supervisor.ts";

const main = join(PROJECT, ".build", "test", "demo", "main.js");
const place = temporary();
chmodSync(place.path, 0o711);
afterAll(() => place[Symbol.dispose](), 120_000);

// What else may be missing is told by name beside the test of the instance itself.
describe.runIf(has("python3"))("npm run demo", () => {
  it("runs until another one stops it; the second start is refused", async () => {
    const words = ["--root", join(place.path, "run"), "--services", "hero_osis,hero_secrets"];
    const first = spawn(process.execPath, [main, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    first.stdout.on("data", (piece: Buffer) => {
      said += piece.toString();
    });
    const end = once(first, "exit");
    await until("the demo does not run", 100, async () =>
      said.includes("drivers run") ? 1 : null,
    );
    const other = (...more: string[]) =>
      spawnSync(process.execPath, [main, ...more, ...words], { encoding: "utf8" });
    expect(other()).toMatchObject({ status: 1, stdout: expect.stringContaining("a demo runs") });
    expect(other("stop")).toMatchObject({ status: 0, stdout: expect.stringContaining("stopped") });
    expect(await end).toEqual([0, null]);
    expect(said).toMatch(/[1-9]\d* operations were acknowledged; the largest gap/);
    expect(other("stop").status).toBe(1);
  }, 120_000);

  it("is stopped also when who started it was killed", async () => {
    const words = ["--root", join(place.path, "killed"), "--services", "hero_osis"];
    const first = spawn(process.execPath, [main, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    await once(first.stdout, "data");
    first.kill("SIGKILL");
    await once(first, "exit");
    const stop = spawnSync(process.execPath, [main, "stop", ...words], { encoding: "utf8" });
    const zinit = has("zinit-server") && has("unshare");
    expect(stop.status).toBe(zinit ? 0 : 1);
    const here = (pid: string) => {
      const path = `/proc/${pid}/cmdline`;
      return existsSync(path) && readFileSync(path, "utf8").includes(join(place.path, "killed"));
    };
    const left = () => readdirSync("/proc").filter((name) => /^\d+$/.test(name) && here(name));
    await until("processes are left", 10, async () => (left().length === 0 ? true : null));
  }, 120_000);
});
