/** A service alone in a cgroup is frozen whole, by the kernel; whoever is killed, it goes on. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { thaw } from "../../src/freeze/thaw.ts";
import { native } from "../../src/seam/native.ts";
import * as real from "../support/processes.ts";
import type { Order } from "../support/stand.ts";
import { temporary } from "../support/tree.ts";
import { twoWriters } from "../support/writers.ts";

vi.setConfig({ testTimeout: 60_000 });

const PROGRAM = join(import.meta.dirname, "../../.build/test/support/stand.js");

/** A cgroup of the second version; the reason when this machine lets nobody make one. */
function group(): string | Error {
  const mount = native.cgroupMount()?.toString();
  if (mount === undefined) return new Error("no cgroup2 is mounted");
  try {
    const folder = mkdtempSync(join(mount, "holdall-test-"));
    readFileSync(join(folder, "cgroup.freeze"));
    return folder;
  } catch (error) {
    return error as Error;
  }
}

const folder = group();
if (folder instanceof Error) console.warn(`cgroup freezer left out: ${folder.message}`);
const made = folder instanceof Error ? "" : folder;

describe.skipIf(made === "")("a service in a cgroup of its own", () => {
  const place = temporary();
  const at = (name: string) => join(place.path, name);
  const isFrozen = () => readFileSync(join(made, "cgroup.events"), "utf8").includes("frozen 1");
  let app: real.Running;
  let db: real.Running;
  let order: Order;

  beforeAll(async () => {
    const writers = await twoWriters(at);
    ({ app, db } = writers);
    order = { ...writers.order, maxPause: 20_000 };
    writeFileSync(join(made, "cgroup.procs"), String(app.pid));
  }, 60_000);

  afterAll(async () => {
    for (const one of [app, db]) await one[Symbol.asyncDispose]();
    await vi.waitFor(() => rmdirSync(made), { timeout: 10_000 });
    place[Symbol.dispose]();
  }, 60_000);

  /** Runs a barrier; what it says, and whether the group was frozen and its process stopped. */
  async function run(more: Partial<Order> = {}) {
    const words = [PROGRAM, JSON.stringify({ ...order, ...more })];
    const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    let over = false;
    const seen = { frozen: false, stopped: false };
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      said += part;
    });
    const end = once(child, "close").then(() => {
      over = true;
    });
    while (!over) {
      seen.frozen ||= isFrozen();
      seen.stopped ||= real.states(app.pid).includes("T");
      await sleep(1);
    }
    await end;
    return { lines: said.trim().split("\n"), ...seen };
  }

  const goesOn = async () =>
    !isFrozen() && (await real.grows(at("data/app/t0"))) && (await real.grows(at("data/db/t1")));

  it("is frozen, not stopped one by one, while the others are stopped and cut", async () => {
    // It hangs before each flush: before that of the second the first stands already.
    const { lines, frozen, stopped } = await run({ kill: "hang" });
    expect(lines.at(-1)).toMatch(/^cut /);
    expect({ frozen, stopped }).toEqual({ frozen: true, stopped: false });
    expect(await goesOn()).toBe(true);
  });

  it.each(["self", "watchdog", "group"] as const)("goes on after a kill of %s", async (kill) => {
    const { lines } = await run({ kill, at: "cut" });
    expect(lines).toContain("step cut");
    expect(lines.at(-1)).not.toMatch(/^cut /);
    if (kill === "group") expect(isFrozen()).toBe(true);
    if (kill === "self") await vi.waitFor(() => expect(isFrozen()).toBe(false), 10_000);
    await thaw(order.stateFolder);
    expect(await goesOn()).toBe(true);
  });
});
