/** A capture that does not do what it should fails with one line that names the unit. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemRuntime } from "../../src/base/runtime.ts";
import { capture } from "../../src/capture/capture.ts";
import { parseInstance } from "../../src/instance/parse.ts";
import { has } from "../demo/parts.ts";
import { others, SLEEP } from "../support/captures.ts";
import { put } from "../support/instance.ts";
import { temporary } from "../support/tree.ts";

const place = temporary();
chmodSync(place.path, 0o711);
const root = join(place.path, "hero");
const left = () => readdirSync(root).filter((name) => name.startsWith(".holdall"));

/** Has a unit of an engine captured at a path; `bin/copy` is a program for a shell. */
async function captured(engine: string, path: string, how: string, program = "") {
  const unit = `[[state]]\nservice = "s"\nid = "db"\npaths = ["x"]\nengine = "${engine}"\n`;
  put(root, { "bin/copy": `#!/bin/sh\n${program}\n` });
  chmodSync(join(root, "bin/copy"), 0o755);
  const { services } = parseInstance("holdall.toml", `${unit}capture = ${how}\n`);
  const [declared] = services.flatMap(({ units }) => units);
  if (declared === undefined) throw new Error("no unit");
  const members = [{ unit: declared, paths: [join(root, path)] }];
  await using copies = await capture(systemRuntime(), root, members);
  return copies.units.length;
}

beforeAll(() => {
  put(root, { "var/plain": "text", "var/nothing": "", "var/folder/x": "x" });
  if (!has("sqlite3")) return;
  execFileSync("sqlite3", [join(root, "var/a b.db"), "CREATE TABLE t(x); CREATE TABLE u(x)"]);
});

afterAll(() => place[Symbol.dispose]());

const COPY = '["bin/copy", "{path}", "{to}"]';

describe.runIf(has("sqlite3"))("a capture of a database", () => {
  it.each<[string, string, string, RegExp]>([
    ["fails", COPY, "echo first >&2; echo no room >&2; exit 3", /bin\/copy: no room$/],
    ["says nothing", COPY, "exit 3", /bin\/copy: ended with status 3$/],
    ["is killed", COPY, "kill -9 $$", /bin\/copy: ended with SIGKILL$/],
    ["is not there", '["no-such-program", "{to}"]', "", /no-such-program: is not installed$/],
    ["fails after it wrote", COPY, 'cp "$1" "$2"; exit 1', /ended with status 1$/],
    ["writes nothing", COPY, "exit 0", /ended well and wrote nothing$/],
    ["writes an empty file", COPY, ': >"$2"', /ended well and wrote nothing$/],
    ["writes something else", COPY, 'echo x >"$2"', /the copy is no database$/],
    ["leaves a part", COPY, 'head -c 6000 "$1" >"$2"', /the copy is cut short: it has 6000 bytes$/],
    ["leaves pages out", COPY, 'head -c 8192 "$1" >"$2"', /the copy is cut short: it has 8192/],
    ["is not done", COPY, 'cp "$1" "$2"; echo j >"$2-journal"', /not done: a log \(-journal\)/],
    ["makes a folder of a file", '["mkdir", "-p", "{to}/x"]', "", /the copy is of another kind$/],
    ["makes a link", '["ln", "-s", "{path}", "{to}"]', "", /too many symbolic links/],
    [
      "does not end, nor does who it started",
      `{ timeout = 300, steps = [{ run = ${COPY} }] }`,
      `${SLEEP} & cp "$1" "$2"; ${SLEEP}`,
      /bin\/copy: it did not end in time/,
    ],
  ])("that %s", async (_, how, program, message) => {
    const failed = captured("sqlite", "var/a b.db", how, program);
    await expect(failed).rejects.toMatchObject({
      code: "not_captured",
      message: expect.stringMatching(message),
    });
    await expect(failed).rejects.toThrow(/^s\/db: [^\n]+$/);
    expect([left(), others()]).toEqual([[], 0]);
  });

  it("that does it is whole, of a plain copy as of any other engine", async () => {
    expect(await captured("sqlite", "var/a b.db", COPY, 'cp "$1" "$2"')).toBe(1);
    expect(await captured("opaque", "var/plain", COPY, 'cp "$1" "$2"')).toBe(1);
    expect(await captured("opaque", "var/nothing", COPY, 'cp "$1" "$2"')).toBe(1);
    expect(await captured("files", "var/folder", COPY, 'cp -r "$1" "$2"')).toBe(1);
    expect(left()).toEqual([]);
  });
});

/** What `pg_basebackup` leaves, as far as it is looked at; the log's files are of one MiB. */
function cluster(files: Readonly<Record<string, string>>): string {
  const text = Object.entries({
    PG_VERSION: "15",
    "pg_tblspc/.": "",
    "pg_wal/000000010000000000000002": "W",
    "pg_wal/000000010000000000000003": "W",
    backup_manifest: JSON.stringify({
      Files: [{ Path: "PG_VERSION", Size: 2 }],
      "WAL-Ranges": [{ Timeline: 1, "Start-LSN": "0/2000028", "End-LSN": "0/3000100" }],
    }),
    ...files,
  }).map(([name, body]) => {
    const path = `"$2/${name}"`;
    if (body === "") return name.endsWith("/.") ? `mkdir -p ${path}` : `rm -rf ${path}`;
    const make = body === "W" ? `truncate -s 16M ${path}` : `printf '%s' '${body}' >${path}`;
    return `mkdir -p "$(dirname ${path})"; ${make}`;
  });
  return text.join("\n");
}

describe("a capture of a cluster", () => {
  it.each<[string, Record<string, string>, RegExp]>([
    ["is not finished", { backup_manifest: "" }, /no backup_manifest: it was not finished$/],
    ["lacks a file", { PG_VERSION: "" }, /the copy lacks PG_VERSION$/],
    ["has a part of a file", { PG_VERSION: "1" }, /PG_VERSION in the copy is cut short$/],
    ["lacks its log", { "pg_wal/000000010000000000000003": "" }, /lacks a part of the log/],
    ["lacks the log's beginning", { "pg_wal/000000010000000000000002": "" }, /part of the log/],
  ])("that %s", async (_, files, message) => {
    mkdirSync(join(root, "var/pg/pg_tblspc"), { recursive: true });
    put(root, { "var/pg/PG_VERSION": "15" });
    const failed = captured("postgres", "var/pg", COPY, cluster(files));
    await expect(failed).rejects.toThrow(message);
    expect(left()).toEqual([]);
    expect(await captured("postgres", "var/pg", COPY, cluster({}))).toBe(1);
  });

  it("is refused when a tablespace would be lost", async () => {
    mkdirSync(join(root, "var/other/pg_tblspc"), { recursive: true });
    put(root, { "var/other/PG_VERSION": "15", "var/space/PG_15/x": "x" });
    symlinkSync(join(root, "var/space"), join(root, "var/other/pg_tblspc/16384"));
    const failed = captured("postgres", "var/other", COPY, cluster({}));
    await expect(failed).rejects.toThrow(/tablespace \S+var\/space is the path of no unit that/);
    const none = captured("postgres", "var/space", COPY, cluster({}));
    await expect(none).rejects.toThrow(/space is not the folder of a cluster$/);
  });
});

it.each<[string, string, RegExp]>([
  ["a line for a shell", '"cp {path} {to}"', /capture must be an array of arguments/],
  ["no place for the copy", '["cp", "{path}"]', /no argument has \{to\}$/],
  ["a word that nothing stands for", '["cp", "{from}", "{to}"]', /nothing stands for \{from\}$/],
  ["no time", '{ timeout = 0, steps = [{ run = ["cp", "{to}"] }] }', /a timeout above 0$/],
  ["another kind of step", "{ steps = [{ wait = 3 }] }", /run names no program$/],
  ["more in a step", '{ steps = [{ run = ["a", "{to}"], expect = "b" }] }', /no field "expect"$/],
  ["a misspelt field", '{ step = [{ run = ["cp", "{to}"] }] }', /no field "step"$/],
])("a capture that has %s is a wrong descriptor", (_, how, message) => {
  const text = `[[state]]\nservice="s"\nid="db"\npaths=["x"]\ncapture = ${how}\n`;
  expect(() => parseInstance("holdall.toml", text)).toThrow(message);
  expect(() => parseInstance("holdall.toml", text)).toThrow(/^holdall.toml:\d+: /);
});
