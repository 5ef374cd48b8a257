/** Every failure a person can cause: exit status, one line that names the object, and a hint. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { blake3 } from "@noble/hashes/blake3.js";
import { expect, it } from "vitest";
import { EXIT_STATUS, FAILURE_CODES, Failure, toFailure } from "../../src/base/failure.ts";
import { MAIN, world } from "../support/command.ts";
import type { Objects } from "../support/where.ts";

it("has a documented status and a hint for every code", () => {
  const documented = EXIT_STATUS.map(([status]) => status);
  for (const code of FAILURE_CODES) {
    const { exit, hint } = new Failure(code, "x");
    expect(documented, code).toContain(exit);
    expect(hint, code).toMatch(/^\S.*[^.\n]$/);
  }
}, 60_000);

it("takes codes from the native core and from system calls, and guesses nothing from texts", () => {
  expect(toFailure(new Error("newer_format: pack has format version 9")).code).toBe("newer_format");
  expect(toFailure(new Error("damaged: format version above the ceiling")).code).toBe("damaged");
  expect(toFailure(new Error("constructor: x")).code).toBe("internal");
  const system = Object.assign(new Error("EACCES: permission denied, open '/x'"), {
    syscall: "open",
    code: "EACCES",
    path: "/x",
  });
  expect(toFailure(system)).toMatchObject({
    code: "permission",
    message: "/x: permission denied",
  });
  expect(toFailure(new DOMException("stop", "AbortError")).code).toBe("interrupted");
}, 60_000);

it("ends with the documented status, one line and a hint", () => {
  using w = world();
  const fails = (code: string, exit: number, names: string, args: string[], more = {}) => {
    const { status, out, err } = w.run(["--json", ...args], more);
    const told = JSON.parse(out.trim().split("\n").at(-1) ?? "") as { message: string };
    expect(told, args.join(" ")).toMatchObject({ event: "error", code, exit });
    expect(told.message, args.join(" ")).toContain(names);
    expect(status).toBe(exit);
    expect(err).toMatch(/^([^\n]+absent[^\n]+\n)?holdall: [^\n]+\n {2}[^\n]+\n$/);
    expect(err).toContain(names);
  };
  fails("no_repository", 10, "repo", ["snapshots"]);
  fails("no_repository", 10, "nowhere", ["snapshots", "-r", w.repo("nowhere")]);
  expect(w.run(["init"]).status).toBe(0);
  fails("repository_exists", 1, "repo", ["init"]);
  fails("usage", 2, "nonsense", ["nonsense"]);
  fails("usage", 2, "'bakup' (Did you mean backup?)", ["bakup"]);
  fails("usage", 2, "'bakup'", ["help", "bakup"]);
  fails("usage", 2, "--bogus", ["ls", "--bogus"]);
  fails("usage", 2, "path", ["backup"]);
  fails("usage", 2, "HOLDALL_REPOSITORY", ["stats"], { env: { HOLDALL_REPOSITORY: "" } });
  fails("usage", 2, "HOLDALL_WORKERS", ["backup", w.source], { env: { HOLDALL_WORKERS: "0" } });
  fails("usage", 2, "--in-place", ["restore", "latest"]);
  fails("no_snapshot", 1, "latest", ["restore", "latest", "--to", w.at("x")]);
  fails("no_snapshot", 1, "zz", ["ls", "zz"]);
  fails("no_secret", 12, "/dev/null", ["stats"], { env: { HOLDALL_KEYFILE: "/dev/null" } });
  fails("no_secret", 12, "terminal", ["stats"], { env: { HOLDALL_KEYFILE: undefined } });
  writeFileSync(w.at("other"), "77".repeat(32));
  fails("wrong_secret", 12, "keyfile", ["stats", "--keyfile", w.at("other")]);
  fails("read_only", 1, "claims", ["backup", w.source, "--read-only"]);
  fails("source_unreadable", 1, "none of the paths", ["backup", w.at("absent")]);
  fails("command_failed", 1, "sh", ["backup", "--command", "c", "--", "sh", "-c", "exit 3"]);
  fails("invalid", 1, "[z-a", ["backup", w.source, "--exclude", "[z-a]"]);
  expect(w.run(["backup", w.source]).status).toBe(0);
  fails("no_entry", 1, "/absent", ["cat", "latest:/absent"]);
  expect(w.run(["backup", w.source, w.at("absent")]).status).toBe(3);
}, 60_000);

/** Changes stored slots, and their names with them unless it is to be found out. */
async function tamper(of: Objects, change: (b: Buffer) => boolean, rename = true): Promise<void> {
  for (const name of await of.names("slots/")) {
    const bytes = await of.read(name);
    if (!change(bytes)) continue;
    await of.remove(name);
    const hash = Buffer.from(blake3(bytes)).toString("hex");
    await of.write(rename ? `slots/${hash}${name.slice(-33)}` : name, bytes);
  }
}

it("tells damage, a newer format and an excessive slot apart", async () => {
  using w = world(true);
  const phrase = { env: { HOLDALL_KEYFILE: "", HOLDALL_PASSPHRASE: "long enough" } };
  w.run(["init"], phrase);
  const argon = (kib: number) => {
    const number = Buffer.alloc(5, 0xce);
    number.writeUInt32BE(kib, 1);
    return number;
  };
  const cost = (from: number, to: number) =>
    tamper(w.objects, (bytes) => {
      const at = bytes.indexOf(argon(from));
      return at >= 0 && argon(to).copy(bytes, at) > 0;
    });
  const [own, huge] = [256 << 10, (4 << 20) + 1];
  await cost(own, huge);
  expect(w.json(["stats"], phrase)).toMatchObject({ code: "kdf_too_expensive", exit: 11 });
  await cost(huge, own);
  expect(w.json(["stats"], phrase)).toMatchObject({ event: "stats" });
  const version = (n: number, rename?: boolean) =>
    tamper(w.objects, (bytes) => bytes.writeUInt8(n, 7) > 0, rename);
  await version(9);
  expect(w.json(["stats"], phrase)).toMatchObject({ code: "newer_format", exit: 11 });
  await version(1);
  await version(2, false);
  expect(w.json(["stats"], phrase)).toMatchObject({ code: "damaged", exit: 13 });
}, 60_000);

it("stops in good order when it is interrupted, and leaves nothing to clear", async () => {
  using w = world();
  w.run(["init"]);
  const child = spawn(process.execPath, [MAIN, "backup", "--stdin", "s"], { env: w.env });
  child.stdin.write("begun");
  let err = "";
  child.stderr.on("data", (data) => {
    err += String(data);
  });
  while ((await w.objects.names("claims/")).length === 0) await sleep(20);
  await sleep(300);
  child.kill("SIGINT");
  const status = await new Promise((done) => child.on("close", done));
  expect(status).toBe(130);
  expect(err).toContain("holdall: interrupted\n");
  expect(w.json(["backup", w.source])).toMatchObject({ event: "snapshot", troubles: 0 });
  expect(JSON.parse(w.run(["snapshots", "--json"]).out)).toHaveLength(1);
}, 60_000);

it("stays quiet about control characters and keeps to one line", () => {
  using w = world();
  const evil = w.at("a\x1b[31mb\nc");
  const { err } = w.run(["ls", "latest", "-r", evil]);
  expect(err).not.toContain("\x1b");
  expect(err).toContain("a\\x1b[31mb");
  expect(err.split("\n")).toHaveLength(3);
  const coloured = w.run(["nonsense"], { env: { FORCE_COLOR: "1" } });
  expect(coloured.err.startsWith("\x1b[31mholdall:\x1b[0m")).toBe(true);
  expect(w.run(["nonsense"], { env: { NO_COLOR: "1" } }).err).not.toContain("\x1b");
}, 60_000);
