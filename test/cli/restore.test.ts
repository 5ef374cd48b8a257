/** Restoring, selecting and looking, by what the command says and leaves behind. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { world } from "../support/command.ts";

const lines = (text: string) => text.trim().split("\n");

it("previews exactly what an in-place restore changes", () => {
  using w = world();
  w.run(["init"]);
  w.run(["backup", w.source]);
  const same = w.run(["restore", "latest", "--in-place", "--delete", "--dry-run"]);
  expect(lines(same.out).filter((l) => /^[-+CM] /.test(l))).toEqual([]);
  writeFileSync(join(w.source, "notes"), "changed");
  writeFileSync(join(w.source, "more"), "");
  rmSync(join(w.source, "www", "index.html"));
  execFileSync("chmod", ["700", w.source]);
  const [keep, gone] = [w.run(["restore", "latest", "--in-place", "--dry-run"]).out, "--delete"];
  expect(keep).not.toContain("more");
  const told = lines(w.run(["restore", "latest", "--in-place", gone, "--dry-run"]).out);
  expect(told.slice(0, -1).sort()).toEqual(
    [
      `+ ${w.source}/www/index.html`,
      `- ${w.source}/more`,
      `C ${w.source}/notes`,
      `M ${w.source}`,
      `M ${w.source}/www`,
    ].sort(),
  );
  expect(told.at(-1)).toContain("nothing was changed");
  expect(readFileSync(join(w.source, "notes"), "utf8")).toBe("changed");
  expect(existsSync(w.at("more"))).toBe(false);
  expect(w.json(["restore", "latest", "--in-place", gone])).toMatchObject({
    event: "restore",
    deleted: 1,
    troubles: 0,
    dryRun: false,
  });
  expect(readFileSync(join(w.source, "notes"), "utf8")).toHaveLength(70_000);
  expect(existsSync(join(w.source, "more"))).toBe(false);
  const entries = lines(w.run(["restore", "latest", "--to", w.at("x"), "--dry-run", "--json"]).out)
    .map((l) => JSON.parse(l) as { event: string; mark?: string; path: string })
    .filter((e) => e.event === "entry");
  expect(entries.every((e) => e.mark === "+" && e.path.startsWith(w.at("x")))).toBe(true);
  expect(existsSync(w.at("x"))).toBe(false);
}, 60_000);

it("restores the rest when a path cannot be restored, and ends with 3", () => {
  using w = world();
  w.run(["init"]);
  w.run(["backup", w.source]);
  const to = w.at("to");
  const blocked = `${to}${w.source}/www`;
  execFileSync("mkdir", ["-p", `${to}${w.source}`]);
  writeFileSync(blocked, "a file where a folder is to be");
  execFileSync("sh", ["-c", `chattr +i "$1" 2>/dev/null || true`, "sh", blocked]);
  const r = w.run(["restore", "latest", "--to", to, "--json"]);
  execFileSync("sh", ["-c", `chattr -i "$1" 2>/dev/null || true`, "sh", blocked]);
  const last = JSON.parse(lines(r.out).at(-1) ?? "") as { troubles: number };
  // Without chattr the file is replaced, and there is nothing to report.
  expect(r.status).toBe(last.troubles > 0 ? 3 : 0);
  expect(readFileSync(`${to}${w.source}/notes`, "utf8")).toHaveLength(70_000);
}, 60_000);

it("chooses snapshots by host, tag, path and time", () => {
  using w = world();
  w.run(["init"]);
  const save = (...args: string[]) => w.json(["backup", ...args]).id as string;
  const web = save(w.source, "--host", "web", "--tag", "a", "--tag", "b");
  const db = save(join(w.source, "www"), "--host", "db", "--tag", "b");
  const ids = (...args: string[]) =>
    (JSON.parse(w.run(["snapshots", "--json", ...args]).out) as { id: string }[]).map((s) => s.id);
  expect(ids()).toEqual([web, db]);
  expect(ids("--host", "web")).toEqual([web]);
  expect(ids("--tag", "a", "--tag", "b")).toEqual([web]);
  expect(ids("--tag", "b", "--latest", "1")).toEqual([db]);
  expect(ids("--path", `${w.source}/www/`)).toEqual([db]);
  const [row] = JSON.parse(w.run(["snapshots", "--json"]).out) as Record<string, unknown>[];
  expect(row).toMatchObject({ host: "web", paths: [w.source], tags: ["a", "b"], files: 2 });
  expect(row).toMatchObject({ bytes: 70_015, time: expect.stringMatching(/^\d{4}-.*Z$/) });
  expect(w.run(["ls", "latest:/"]).out).not.toContain("notes");
  expect(w.run(["ls", "-R", "latest", "--host", "web"]).out).toContain("notes");
  expect(w.run(["ls", "yesterday"]).status).toBe(1);
  expect(w.run(["ls", "now"]).status).toBe(0);
  expect(w.run(["cat", `${web.slice(0, 4)}:${w.source}/www/index.html`]).out).toContain("hello");
}, 60_000);

it("finds by several patterns, letters, size and time", () => {
  using w = world();
  utimesSync(join(w.source, "notes"), 1000, 1000);
  w.run(["init"]);
  w.run(["backup", w.source]);
  const find = (...args: string[]) =>
    lines(w.run(["find", ...args]).out).map((l) => l.slice(l.lastIndexOf("/") + 1));
  expect(find("*.html", "notes").sort()).toEqual(["index.html", "notes"]);
  expect(w.run(["find", "NOTES"]).status).toBe(1);
  expect(find("-i", "NOTES")).toEqual(["notes"]);
  expect(find("*", "--larger", "60k")).toEqual(["notes"]);
  expect(find("n*", "i*", "--newer", "1d ago")).toEqual(["index.html"]);
  expect(find(`${w.source}/*`)).toContain("index.html");
  expect(lines(w.run(["find", "notes", "--json"]).out)).toHaveLength(1);
  const found = w.json(["find", "notes"]);
  expect(found).toMatchObject({ event: "entry", kind: "file", size: 70_000, mtime: [1000, 0] });
  expect(found.snapshot).toMatch(/^[0-9a-f]{32}$/);
}, 60_000);

it("refuses a tar stream on a terminal", () => {
  using w = world();
  w.run(["init"]);
  w.run(["backup", w.source]);
  const main = join(import.meta.dirname, "../../.build/bin/holdall.js");
  const on = (...args: string[]) =>
    execFileSync(
      "python3",
      [
        "-c",
        "import pty,sys,os; s=pty.spawn(sys.argv[1:]); print('status', os.waitstatus_to_exitcode(s))",
        process.execPath,
        main,
        "dump",
        "latest",
        ...args,
      ],
      { env: w.env, encoding: "latin1" },
    );
  expect(on()).toMatch(/redirect it.*status 2/s);
  expect(on("--force")).toMatch(/ustar.*status 0/s);
}, 60_000);
