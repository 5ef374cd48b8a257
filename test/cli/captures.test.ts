/** Captures from the command line: what comes of a good one, of one that fails, of a killed run. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { has } from "../demo/parts.ts";
import { others, SLEEP } from "../support/captures.ts";
import { MAIN, world } from "../support/command.ts";
import { put } from "../support/instance.ts";
import { ACCESS } from "../support/where.ts";

const SQLITE = `["sqlite3", "-bail", "{path}", ".timeout 5000", "BEGIN", "SELECT 1", ".backup '{to}'"]`;
const NOBODY = 65_534;

const w = world();
chmodSync(w.place.path, 0o711);
const root = w.at("hero");
const database = join(root, "var/s/a b.db");
const live = ["backup", "--instance", root, "--no-pause"];
const sql = (path: string, text: string) =>
  execFileSync("sqlite3", [path, text], { encoding: "utf8" }).trim();
const left = () => readdirSync(root).filter((name) => name.startsWith(".holdall"));

/** The instance with this capture of its databases; `bin/copy` is a program for a shell. */
function declare(capture: string, program = ""): void {
  const unit = `[[state]]\nservice = "s"\nid = "db"\npaths = ["var/s/*.db"]\nengine = "sqlite"\n`;
  put(root, {
    "holdall.toml": `name = "one"\n${unit}capture = ${capture}\n`,
    "bin/copy": `#!/bin/sh\n${program}\n`,
  });
  chmodSync(join(root, "bin/copy"), 0o755);
}

beforeAll(() => {
  if (!has("sqlite3")) return;
  put(root, { "var/s/two.db": "", "seen/x": "" });
  chmodSync(join(root, "seen"), 0o777);
  sql(database, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES ('first')");
  sql(join(root, "var/s/two.db"), "CREATE TABLE t(x); INSERT INTO t VALUES ('second')");
  chmodSync(database, 0o640);
  if (process.getuid?.() === 0) {
    for (const path of ["var/s", "var/s/a b.db"]) chownSync(join(root, path), NOBODY, NOBODY);
  }
  expect(w.run(["init"]).status).toBe(0);
}, 60_000);

afterAll(() => w[Symbol.dispose]());

describe.runIf(has("sqlite3"))("a capture", () => {
  it("that fails makes no snapshot", () => {
    declare('["bin/copy", "{to}"]', 'echo half >"$1"; echo no room >&2; exit 3');
    const { err, status } = w.run(live);
    expect(err).toBe(
      "holdall: s/db: capture: bin/copy: no room\n" +
        "  see the unit's capture in its descriptor, and what its engine says\n",
    );
    expect([status, left()]).toEqual([26, []]);
    expect(w.run(["restore", "latest", "--to", w.at("none")]).err).toMatch(/there is no snapshot/);
  }, 60_000);

  it("keeps owner and mode, every file of the unit, and no log; secrets stay with holdall", () => {
    const { AWS_SECRET_ACCESS_KEY: secret = "x1y" } = ACCESS;
    const steps = `[{ run = ["bin/copy", "{to}"] }, { run = ${SQLITE} }]`;
    declare(`{ steps = ${steps} }`, '{ env; id -u; tr "\\0" " " </proc/$PPID/cmdline; } >seen/$$');
    const saved = w.run([...live, "--require", "native"], {
      env: { AWS_SECRET_ACCESS_KEY: secret },
    });
    expect([saved.err, saved.status]).toEqual(["", 0]);
    const seen = readdirSync(join(root, "seen")).filter((name) => name !== "x");
    expect(seen).toHaveLength(2);
    for (const name of seen) {
      const text = readFileSync(join(root, "seen", name), "utf8");
      expect(text).toMatch(/^PATH=/m);
      expect(text).not.toMatch(/HOLDALL|AWS/);
      expect(text).not.toContain(secret);
    }
    const back = w.at("back");
    expect(w.run(["restore", "latest", "--to", back]).status).toBe(0);
    const folder = join(back, root, "var/s");
    expect(readdirSync(folder).sort()).toEqual(["a b.db", "two.db"]);
    expect(sql(join(folder, "a b.db"), "SELECT x FROM t")).toBe("first");
    expect(sql(join(folder, "two.db"), "SELECT x FROM t")).toBe("second");
    const [was, is] = [statSync(database), statSync(join(folder, "a b.db"))];
    expect([is.mode, is.uid, is.gid]).toEqual([was.mode, was.uid, was.gid]);
    expect(statSync(folder).uid).toBe(statSync(join(root, "var/s")).uid);
    expect(left()).toEqual([]);
  }, 60_000);

  it("is worth what is said of it, before and with what is required", () => {
    declare(SQLITE);
    const more = w.run([...live, "--require", "clean-stop"]);
    expect(more.err).toMatch(/^holdall: s\/db would be native, none: copied by its engine while/);
    expect(more.status).toBe(23);
    expect(w.run([...live, "--require", "native,one moment"]).status).toBe(23);
    const dry = w.run(["backup", "--instance", root, "--native", "--dry-run"]);
    expect(dry.out).toMatch(/^copy +s\/db .* native, none\n/m);
    expect(w.run(["backup", "--native", root]).err).toMatch(/--native goes with --instance only/);
  }, 60_000);

  it("has what was committed, and nothing of what is open", async () => {
    declare(SQLITE);
    const writer = spawn("sqlite3", [database], { stdio: ["pipe", "pipe", "inherit"] });
    // What is committed lies in the log only, as long as the connection is open.
    writer.stdin.write("INSERT INTO t VALUES ('logged');\n");
    writer.stdin.write("BEGIN; INSERT INTO t VALUES ('open'); SELECT 'ready';\n");
    await once(writer.stdout, "data");
    const saved = w.run(live);
    writer.stdin.end("COMMIT;\n");
    await once(writer, "exit");
    expect([saved.err, saved.status]).toEqual(["", 0]);
    const back = w.at("open");
    expect(w.run(["restore", "latest", "--to", back]).status).toBe(0);
    expect(sql(join(back, database), "SELECT x FROM t ORDER BY x")).toBe("first\nlogged");
    expect(sql(database, "SELECT x FROM t ORDER BY x")).toBe("first\nlogged\nopen");
  }, 60_000);
});

describe.runIf(has("sqlite3"))("a capture that is cut off", () => {
  it.each<NodeJS.Signals>(["SIGKILL", "SIGINT"])(
    "leaves neither its stage nor its program when holdall gets %s",
    async (signal) => {
      declare('["bin/copy", "{to}"]', `echo part >"$1"; exec ${SLEEP}`);
      const child = spawn(process.execPath, [MAIN, ...live], { env: w.env, stdio: "ignore" });
      const ended = once(child, "exit");
      const begun = () =>
        left().some((name) => existsSync(join(root, name, "c0", "copy"))) && others() === 1;
      while (!begun()) await sleep(20);
      child.kill(signal);
      const [status] = (await ended) as [number | null];
      if (signal === "SIGINT") expect([status, left(), others()]).toEqual([130, [], 0]);
      else expect([left().length, others()]).toEqual([1, 1]);
      declare(SQLITE);
      expect(w.run(live)).toMatchObject({ err: "", status: 0 });
      expect([left(), others()]).toEqual([[], 0]);
    },
    60_000,
  );
});
