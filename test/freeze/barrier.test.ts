/** Barriers over real processes: what is cut, who is refused, and who is killed in the middle. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { barriersLeft, thaw } from "../../src/freeze/thaw.ts";
import * as real from "../support/processes.ts";
import type { Order } from "../support/stand.ts";
import { temporary } from "../support/tree.ts";
import { twoWriters } from "../support/writers.ts";

// Many processes are started; on a machine that is busy with others that takes its time.
vi.setConfig({ testTimeout: 60_000 });

const PROGRAM = join(import.meta.dirname, "../../.build/test/support/stand.js");

/** A folder of data, two writers to it, and what a barrier over them is given. */
async function world() {
  const folder = temporary();
  const at = (name: string) => join(folder.path, name);
  const { app, db, order } = await twoWriters(at);
  const run = (more: Partial<Order> = {}) => {
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify({ ...order, ...more })], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    return ended(child);
  };
  const running = async () =>
    (await real.grows(at("data/app/t0"))) && (await real.grows(at("data/db/t1")));
  const dispose = async () => {
    for (const one of [app, db]) await one[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  };
  return { at, app, db, order, run, running, [Symbol.asyncDispose]: dispose };
}

async function ended(child: ChildProcess): Promise<string[]> {
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    said += part;
  });
  await new Promise((resolve) => child.once("close", resolve));
  return said.trim().split("\n");
}

describe("a barrier", () => {
  it("stops from the edge inward, flushes between, cuts, proves and continues", async () => {
    await using w = await world();
    const lines = await w.run();
    const steps = lines.filter((l) => l.startsWith("step ")).map((l) => l.slice(5));
    const waves = ["flush", "stop", "flush", "stop"];
    expect(steps.filter((s) => s !== "stop newcomers")).toEqual([...waves, "cut", "prove", "thaw"]);
    const cut = JSON.parse(lines.at(-1)?.replace(/^cut /, "") ?? "") as {
      first: number;
      all: number;
      thaw: number;
      last: number;
      count: number;
      flushed: [string, number][];
      stopped: [string, [number, number]][];
    };
    const flushed = new Map(cut.flushed);
    const stopped = new Map(cut.stopped);
    const times = [
      flushed.get("app/data"),
      cut.first,
      stopped.get("app")?.[1],
      flushed.get("db/data"),
      stopped.get("db")?.[0],
      cut.all,
      cut.thaw,
      cut.last,
    ];
    expect(times).toEqual([...times].sort((a = 0, b = 0) => a - b));
    expect(cut.count).toBe(2);
    expect(await w.running()).toBe(true);
    expect([existsSync(w.order.undone), readdirSync(w.order.stateFolder)]).toEqual([true, []]);
  });

  it("brings to rest a set in which new processes keep coming", async () => {
    await using w = await world();
    await using forker = await real.forker(w.at("data/app/forks"));
    const lines = await w.run();
    expect(lines.at(-1)).toMatch(/^cut /);
    expect(real.states(forker.pid)).not.toContain("T");
  });

  it("stops nobody when somebody is in the way: a writer that started it is named", async () => {
    await using w = await world();
    // The shell that starts it keeps a file of the instance open for writing.
    const script = `exec 9>>"${w.at("data/app/shell")}"; "$0" "$1" "$2"; true`;
    const args = ["-c", script, process.execPath, PROGRAM, JSON.stringify(w.order)];
    const lines = await ended(spawn("sh", args, { stdio: ["ignore", "pipe", "inherit"] }));
    expect(lines).toEqual([
      expect.stringMatching(
        /^failed sh \(pid \d+\), which writes .*data\/app\/shell started holdall$/,
      ),
    ]);
    expect(existsSync(w.order.stateFolder)).toBe(false);
  });

  it("lasts no longer than it may: then all goes on, and there is no cut", async () => {
    await using w = await world();
    const run = w.run({ kill: "hang", at: "flush", maxPause: 400 });
    expect(await real.comes(() => real.stands(w.app.pid), 3000)).toBe(true);
    expect(await real.comes(() => !real.stands(w.app.pid), 1000)).toBe(true);
    const lines = await run;
    expect(lines.at(-1)).toBe("failed the longest pause is over: everything goes on again");
    expect(await w.running()).toBe(true);
  });
});

const STEPS = ["flush", "stop", "cut", "prove", "thaw"];
const WHO = ["self", "watchdog", "group"] as const;
const CASES = WHO.flatMap((kill) => STEPS.map((at) => [kill, at] as const));

describe("after a kill", () => {
  let w: Awaited<ReturnType<typeof world>>;
  beforeAll(async () => {
    w = await world();
  }, 60_000);
  afterAll(() => w[Symbol.asyncDispose]());

  it.each(CASES)("of %s before %s, everybody runs and every undo is done", async (kill, at) => {
    rmSync(w.order.undone, { force: true });
    const lines = await w.run({ kill, at });
    expect(lines).toContain(`step ${at}`);
    expect(lines.some((l) => l.startsWith("cut "))).toBe(false);
    // The watchdog of one that was killed does it alone; of a killed group the next start does.
    if (kill === "self") await real.comes(() => barriersLeft(w.order.stateFolder).length === 0);
    const [mended] = await thaw(w.order.stateFolder);
    expect(mended?.failed ?? []).toEqual([]);
    expect(mended === undefined).toBe(kill !== "group");
    expect(await w.running()).toBe(true);
    expect(existsSync(w.order.undone)).toBe(true);
  });
});
