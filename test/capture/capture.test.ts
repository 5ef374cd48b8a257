/**
 * What a capture does that does not do what it should: one line that names the unit, the documented
 * status, no snapshot, and nothing left; and what a good one keeps.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAIN, world } from "../support/command.ts";
import { put } from "../support/instance.ts";

const SQLITE = `["sqlite3", "-bail", "{path}", ".timeout 5000", "BEGIN", "SELECT 1", ".backup '{to}'"]`;
const OWN = 65_534;

const has = (program: string) =>
  (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, program)));
const isRoot = process.getuid?.() === 0;
const runs = has("sqlite3");

const w = world();
chmodSync(w.place.path, 0o711);
const root = w.at("hero");
const database = join(root, "var/s/a b.db");
const live = ["backup", "--instance", root, "--no-pause"];
const sql = (path: string, text: string) =>
  execFileSync("sqlite3", [path, text], { encoding: "utf8" }).trim();
const left = () => readdirSync(root).filter((name) => name.startsWith(".holdall"));
/** What the programs of these tests do for ever, so that it is told apart from others' sleep. */
const SLEEP = "sleep 98765.4";
const others = () =>
  execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(SLEEP)).length;
const snapshots = () => JSON.parse(w.run(["--json", "snapshots"]).out) as { id: string }[];

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
  if (!runs) return;
  put(root, { "var/s/.keep": "" });
  sql(database, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES ('first')");
  sql(join(root, "var/s/two.db"), "CREATE TABLE t(x); INSERT INTO t VALUES ('second')");
  rmSync(join(root, "var/s/.keep"));
  chmodSync(database, 0o640);
  if (isRoot) for (const path of ["var/s", "var/s/a b.db"]) chownSync(join(root, path), OWN, OWN);
  expect(w.run(["init"]).status).toBe(0);
});

afterAll(() => w[Symbol.dispose]());

describe.runIf(runs)("a capture", () => {
  it.each<[string, string, string, RegExp]>([
    ["fails", '["bin/copy", "{to}"]', "echo no room >&2; exit 3", /bin\/copy: no room\n/],
    ["says nothing", '["bin/copy", "{to}"]', "exit 3", /bin\/copy: ended with status 3\n/],
    ["is killed", '["bin/copy", "{to}"]', "kill -9 $$", /bin\/copy: ended with SIGKILL\n/],
    ["is not there", '["no-such-program", "{to}"]', "", /no-such-program: is not installed\n/],
    ["writes nothing", '["bin/copy", "{to}"]', "exit 0", /ended well and wrote nothing\n/],
    ["writes an empty file", '["bin/copy", "{to}"]', ': >"$1"', /ended well and wrote nothing\n/],
    ["writes something else", '["bin/copy", "{to}"]', 'echo x >"$1"', /the copy is no database\n/],
    [
      "leaves a part",
      '["bin/copy", "{path}", "{to}"]',
      'head -c 6000 "$1" >"$2"',
      /the copy is cut short: it has 6000 bytes\n/,
    ],
    [
      "leaves whole pages, but not all",
      '["bin/copy", "{path}", "{to}"]',
      'head -c 4096 "$1" >"$2"',
      /the copy is cut short: it has 4096 bytes\n/,
    ],
    [
      "is not done",
      '["bin/copy", "{path}", "{to}"]',
      'cp "$1" "$2"; echo j >"$2-journal"',
      /the copy is not done: a log \(-journal\) is beside it\n/,
    ],
    ["makes a folder of a file", '["mkdir", "-p", "{to}/x"]', "", /the copy is of another kind\n/],
    [
      "does not end, nor does who it started",
      '{ timeout = 300, steps = [{ run = ["bin/copy", "{to}"] }] }',
      `${SLEEP} & echo x >"$1"; ${SLEEP}`,
      /bin\/copy: it did not end in time/,
    ],
  ])(
    "that %s makes no snapshot",
    (_, capture, program, message) => {
      declare(capture, program);
      const before = snapshots().length;
      const { err, status } = w.run(live);
      expect(err).toMatch(/^holdall: s\/db: [^\n]+\n {2}see the unit's capture in its descriptor/);
      expect(err).toMatch(message);
      expect(status).toBe(26);
      expect([snapshots().length, left()]).toEqual([before, []]);
      expect(others()).toBe(0);
    },
    60_000,
  );

  it.each<[string, string, RegExp]>([
    ["a line for a shell", '"cp {path} {to}"', /capture must be an array of arguments/],
    ["no place for the copy", '["cp", "{path}"]', /no argument has \{to\}/],
    ["a word that nothing stands for", '["cp", "{from}", "{to}"]', /nothing stands for \{from\}/],
    ["no time", '{ timeout = 0, steps = [{ run = ["cp", "{to}"] }] }', /a timeout above 0/],
    ["another kind of step", "{ steps = [{ wait = 3 }] }", /\brun\b/],
    ["a misspelt field", '{ step = [{ run = ["cp", "{to}"] }] }', /capture/],
  ])("that has %s is a wrong descriptor", (_, capture, message) => {
    declare(capture);
    const { err, status } = w.run(live);
    expect(err).toMatch(/^holdall: holdall.toml:\d+: /);
    expect(err).toMatch(message);
    expect(status).toBe(20);
  });

  it("keeps owner and mode, every file of the unit, and no log; secrets stay with holdall", () => {
    declare(
      `{ steps = [{ run = ["bin/copy", "{to}"] }, { run = ${SQLITE} }] }`,
      'env >"$(dirname "$1")/environment"; id -u >>"$(dirname "$1")/environment"; ' +
        'cp "$(dirname "$1")/environment" /tmp/holdall-capture-environment 2>/dev/null; true',
    );
    const seen = "/tmp/holdall-capture-environment";
    rmSync(seen, { force: true });
    const saved = w.run([...live, "--require", "native"], { env: { AWS_SECRET_ACCESS_KEY: "x1" } });
    expect([saved.err, saved.status]).toEqual(["", 0]);
    const environment = readFileSync(seen, "utf8");
    rmSync(seen, { force: true });
    expect(environment).not.toMatch(/HOLDALL|AWS|x1/);
    expect(environment).toContain("PATH=");
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

  it("is asked for by what is required, and told to whoever asks for more", () => {
    declare(SQLITE);
    const more = w.run([...live, "--require", "clean-stop"]);
    expect(more.err).toMatch(/^holdall: s\/db would be native, none: copied by its engine while/);
    expect(more.status).toBe(23);
    const moment = w.run([...live, "--require", "native,one moment"]);
    expect(moment.status).toBe(23);
    const dry = w.run(["backup", "--instance", root, "--native", "--dry-run"]);
    expect(dry.out).toMatch(/^copy +s\/db .* native, none\n/m);
  }, 60_000);

  it("sees what a writer has committed, and that writer never waits for it", async () => {
    declare(SQLITE);
    const writer = spawn("sqlite3", [database], { stdio: ["pipe", "pipe", "inherit"] });
    writer.stdin.write("BEGIN; INSERT INTO t VALUES ('open'); SELECT 'ready';\n");
    await once(writer.stdout, "data");
    const saved = w.run(live);
    writer.stdin.end("COMMIT;\n");
    await once(writer, "exit");
    expect([saved.err, saved.status]).toEqual(["", 0]);
    const back = w.at("open");
    expect(w.run(["restore", "latest", "--to", back]).status).toBe(0);
    expect(sql(join(back, database), "SELECT x FROM t ORDER BY x")).toBe("first");
    expect(sql(database, "SELECT x FROM t ORDER BY x")).toBe("first\nopen");
  }, 60_000);

  it.each<[string, NodeJS.Signals]>([
    ["holdall is killed", "SIGKILL"],
    ["holdall is interrupted", "SIGINT"],
  ])(
    "leaves nothing when %s: neither its stage nor its program",
    async (_, signal) => {
      declare('["bin/copy", "{to}"]', `echo part >"$1"; exec ${SLEEP}`);
      const child = spawn(process.execPath, [MAIN, ...live], { env: w.env, stdio: "ignore" });
      const ended = once(child, "exit");
      const part = () =>
        left().flatMap((name) =>
          readdirSync(join(root, name)).map((c) => join(root, name, c, "copy")),
        );
      while (!part().some((path) => existsSync(path))) await sleep(20);
      child.kill(signal);
      const [status] = (await ended) as [number | null];
      if (signal === "SIGINT") expect(status).toBe(130);
      else expect(left()).toHaveLength(1);
      declare(SQLITE);
      expect(w.run(live)).toMatchObject({ err: "", status: 0 });
      expect(left()).toEqual([]);
      expect(others()).toBe(0);
    },
    60_000,
  );
});
