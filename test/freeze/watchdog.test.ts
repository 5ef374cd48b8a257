/** The watchdog on real processes: what stands, what is refused, and that all goes on again. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { mendFile, thaw } from "../../src/freeze/thaw.ts";
import { Watchdog } from "../../src/freeze/watchdog.ts";
import * as real from "../support/processes.ts";
import { temporary } from "../support/tree.ts";

// On a machine that is busy with others a process takes its time to start.
vi.setConfig({ testTimeout: 60_000 });

const LONG = 20_000;

function place() {
  const folder = temporary();
  const at = (name: string) => join(folder.path, name);
  return { at, path: folder.path, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

const undo = (file: string) => ({ kind: "run", command: ["touch", file] }) as const;

describe("the watchdog", () => {
  it("stops every thread, proves that none ran, and continues them", async () => {
    using here = place();
    await using one = await real.writer(here.path, 6);
    await using watchdog = await Watchdog.start(here.at("state"), LONG);
    const before = Number(process.hrtime.bigint());
    const stood = await watchdog.stop([real.found(one.pid)]);
    expect(real.states(one.pid)).toMatch(/^T{8}$/);
    expect(before).toBeLessThan(stood.from);
    expect(stood.from).toBeLessThan(stood.seen);
    expect(stood.seen).toBeLessThan(Number(process.hrtime.bigint()));
    expect(await real.grows(here.at("t0"), 100)).toBe(false);
    expect(await watchdog.prove()).toBe(1);
    const { first, last, failed } = await watchdog.thaw();
    expect([first > stood.seen, last >= first, failed]).toEqual([true, true, []]);
    expect(await real.grows(here.at("t5"))).toBe(true);
    expect(existsSync(here.at("state"))).toBe(false);
  });

  it("takes the parent of a vfork for standing as long as its child stands", async () => {
    using here = place();
    await using parent = await real.vforkParent(here.path);
    const child = real.children(parent.pid);
    expect(child).toHaveLength(1);
    {
      await using alone = await Watchdog.start(here.at("alone"), LONG);
      const refused = alone.stop([real.found(parent.pid)]);
      await expect(refused).rejects.toThrow(/vfork \(pid \d+\) does not stop: .* state D/);
    }
    await using watchdog = await Watchdog.start(here.at("state"), LONG);
    await watchdog.stop([real.found(parent.pid), ...child]);
    expect(await watchdog.prove()).toBe(2);
  });

  it("refuses a traced process and names who traces it", async () => {
    using here = place();
    await using one = await real.writer(here.path, 1);
    await using tracer = await real.tracer(one.pid);
    expect(real.found(one.pid).tracer).toBe(tracer.pid);
    await using watchdog = await Watchdog.start(here.at("state"), LONG);
    const refused = watchdog.stop([real.found(one.pid)]);
    await expect(refused).rejects.toThrow(`is traced by python3 (pid ${tracer.pid})`);
    expect(real.states(one.pid)).not.toContain("T");
  });

  it("leaves standing who stood before", async () => {
    using here = place();
    await using one = await real.writer(here.path, 2);
    process.kill(one.pid, "SIGSTOP");
    expect(await real.comes(() => real.stands(one.pid))).toBe(true);
    await using watchdog = await Watchdog.start(here.at("state"), LONG);
    expect((await watchdog.stop([real.found(one.pid)])).before).toEqual([one.pid]);
    expect(await watchdog.prove()).toBe(1);
    expect(real.text(here.at("state"))).not.toContain(`stop ${one.pid}`);
    await watchdog.thaw();
    await sleep(50);
    expect(real.stands(one.pid)).toBe(true);
  });

  it("tells who is gone, and that a number is now another's", async () => {
    using here = place();
    await using one = await real.writer(here.path, 1);
    const other = { ...real.found(one.pid), start: "1" };
    await using watchdog = await Watchdog.start(here.at("state"), LONG);
    expect((await watchdog.stop([other])).gone).toEqual([one.pid]);
    expect(real.stands(one.pid)).toBe(false);
  });
});

describe("while everybody should stand, the watchdog", () => {
  it("notices one that ran, and one that ended", async () => {
    using here = place();
    await using one = await real.writer(here.path, 2);
    await using two = await real.writer(here.path, 2);
    await using watchdog = await Watchdog.start(here.at("state"), LONG);
    await watchdog.stop([real.found(one.pid), real.found(two.pid)]);
    process.kill(one.pid, "SIGCONT");
    await sleep(20);
    process.kill(one.pid, "SIGSTOP");
    expect(await real.comes(() => real.stands(one.pid))).toBe(true);
    await expect(watchdog.prove()).rejects.toThrow(`(pid ${one.pid}) ran while it should`);
    process.kill(one.pid, "SIGKILL");
    await real.comes(() => one.child.signalCode !== null);
    await expect(watchdog.prove()).rejects.toThrow(/ended while it should have stood/);
  });

  it("continues everything at the deadline, and says so", async () => {
    using here = place();
    await using one = await real.writer(here.path, 2);
    await using watchdog = await Watchdog.start(here.at("state"), 150);
    await watchdog.note(undo(here.at("undone")));
    await watchdog.stop([real.found(one.pid)]);
    expect(await real.comes(() => !real.stands(one.pid), 1000)).toBe(true);
    await expect(watchdog.prove()).rejects.toThrow("longest pause is over");
    expect([existsSync(here.at("undone")), existsSync(here.at("state"))]).toEqual([true, false]);
  });

  it("continues everything when its line ends, deaf to signals", async () => {
    using here = place();
    await using one = await real.writer(here.path, 2);
    const watchdog = await Watchdog.start(here.at("state"), LONG);
    await watchdog.note(undo(here.at("undone")));
    await watchdog.stop([real.found(one.pid)]);
    const pid = watchdog.pid ?? 0;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"] as const)
      process.kill(pid, signal);
    await sleep(50);
    expect(await watchdog.prove()).toBe(1);
    await watchdog[Symbol.asyncDispose]();
    expect(real.stands(one.pid)).toBe(false);
    expect([existsSync(here.at("undone")), existsSync(here.at("state"))]).toEqual([true, false]);
  });

  it("lives apart: own session, no descriptors but its line, a cgroup of its own", async () => {
    using here = place();
    await using watchdog = await Watchdog.start(here.at("state"), LONG);
    const pid = watchdog.pid ?? 0;
    expect(real.session(pid)).toBe(pid);
    expect(readdirSync(`/proc/${pid}/fd`).sort()).toEqual(["0", "1", "2", "3"]);
    const group = real.found(pid).cgroup;
    // An ordinary user may not make one.
    if (process.getuid?.() === 0) expect(group).toMatch(/holdall-watchdog-\d+$/);
    await watchdog[Symbol.asyncDispose]();
    if (process.getuid?.() === 0) expect(real.groupExists(group)).toBe(false);
  });
});

describe("after the watchdog was killed", () => {
  it.each(["noted", "stopped", "proved"])("all goes on and is undone: %s", async (step) => {
    using here = place();
    await using one = await real.writer(here.path, 2);
    await using two = await real.writer(here.path, 2);
    await using watchdog = await Watchdog.start(here.at("state"), LONG);
    await watchdog.note(undo(here.at("undone")));
    if (step !== "noted") await watchdog.stop([real.found(one.pid), real.found(two.pid)]);
    if (step === "proved") await watchdog.prove();
    process.kill(watchdog.pid ?? 0, "SIGKILL");
    await expect(watchdog.thaw()).rejects.toThrow("the watchdog ended");
    expect([real.stands(one.pid), real.stands(two.pid)]).toEqual([false, false]);
    expect([existsSync(here.at("undone")), existsSync(here.at("state"))]).toEqual([true, false]);
  });

  it("its file is left alone while it lives, and kept for what cannot be undone", async () => {
    using here = place();
    await using one = await real.writer(here.path, 1);
    await using watchdog = await Watchdog.start(here.at("barrier-1"), LONG);
    await watchdog.note({ kind: "run", command: ["false"] });
    await watchdog.stop([real.found(one.pid)]);
    expect(await mendFile(here.at("barrier-1"))).toMatchObject({ busy: true, thawed: 0 });
    expect(real.stands(one.pid)).toBe(true);
    process.kill(watchdog.pid ?? 0, "SIGKILL");
    await watchdog.thaw().catch(() => undefined);
    expect(real.stands(one.pid)).toBe(false);
    const [left] = await thaw(here.path);
    expect(left).toMatchObject({
      busy: false,
      undone: 0,
      failed: [expect.stringMatching(/^false: /)],
    });
    await thaw(here.path, true);
    expect(await thaw(here.path)).toEqual([]);
  });

  it("finds nothing to do in a file that its own watchdog takes away meanwhile", async () => {
    using here = place();
    for (let turn = 0; turn < 20; turn++) {
      const file = here.at(`barrier-${turn}`);
      const watchdog = await Watchdog.start(file, LONG);
      const looks = Array.from({ length: 4 }, () => mendFile(file));
      await watchdog[Symbol.asyncDispose]();
      for (const { failed } of await Promise.all(looks)) expect(failed).toEqual([]);
    }
  });
});
