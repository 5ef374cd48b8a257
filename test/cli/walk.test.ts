/** The whole path as people script it, by exit statuses and JSON. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { MAIN, world } from "../support/command.ts";
import { differences } from "../support/tree.ts";
import { ACCESS } from "../support/where.ts";

it("walks the whole path as documented", () => {
  const { place, run, source } = world();
  using _ = place;
  const made = run(["init", "--json"]);
  expect(JSON.parse(made.out)).toMatchObject({
    event: "init",
    recoveryKey: expect.stringMatching(/^\w{7}(-\w{7}){7}$/),
  });
  const lines = run(["backup", source, "--json", "--tag", "x"]).out.trim().split("\n");
  const last = JSON.parse(lines.at(-1) ?? "") as { event: string; id: string; files: number };
  expect(last).toMatchObject({ event: "snapshot", files: 2 });
  const [row] = JSON.parse(run(["snapshots", "--json"]).out) as {
    id: string;
    paths: string[];
    tags: string[];
  }[];
  expect(row).toMatchObject({ id: last.id, paths: [source], tags: ["x"] });
  expect(run(["restore", "latest", "--to", join(place.path, "all")]).status).toBe(0);
  expect(differences(source, join(place.path, "all", source))).toEqual([]);
  expect(
    run(["restore", `${last.id.slice(0, 6)}:${source}/www`, "--to", join(place.path, "www")])
      .status,
  ).toBe(0);
  expect(readFileSync(join(place.path, "www", "index.html"), "utf8")).toBe("<h1>hello</h1>\n");
  expect(run(["cat", `latest:${source}/www/index.html`]).out).toBe("<h1>hello</h1>\n");
  expect(run(["ls", "-R", `latest:${source}`]).out).toContain("/www/index.html");
  expect(run(["find", "*.html"]).out).toContain("index.html");
}, 60_000);

it("looks into snapshots and repairs a folder in place", () => {
  const { place, repo, run, source } = world();
  using _ = place;
  run(["init"]);
  run(["backup", source]);
  const tar = join(place.path, "t.tar");
  writeFileSync(
    tar,
    spawnSync(process.execPath, [MAIN, "dump", `latest:${source}`], {
      env: {
        ...process.env,
        ...ACCESS,
        HOLDALL_REPOSITORY: repo(),
        HOLDALL_KEYFILE: join(place.path, "key"),
      },
    }).stdout,
  );
  expect(execFileSync("tar", ["tf", tar], { encoding: "utf8" }).split("\n")).toContain(
    "www/index.html",
  );
  expect(run(["check", "--read"]).status).toBe(0);
  writeFileSync(join(source, "notes"), "changed");
  expect(run(["diff", "latest", source]).out).toContain(`C ${source}/notes`);
  expect(run(["restore", "latest", "--in-place"]).status).toBe(0);
  expect(readFileSync(join(source, "notes"), "utf8")).toHaveLength(70_000);
  expect(run(["key", "list"]).out).toMatch(/recovery.*keyfile|keyfile.*recovery/s);
  expect(run(["stats", "--json"]).out).toContain('"snapshots":1');
}, 60_000);

it("saves streams, and no snapshot when the command fails", () => {
  const { place, run } = world();
  using _ = place;
  run(["init"]);
  expect(run(["backup", "--stdin", "dump.sql"], { input: "select 1;" }).status).toBe(0);
  expect(run(["cat", "latest:/dump.sql"]).out).toBe("select 1;");
  expect(run(["backup", "--command", "out", "--", "sh", "-c", "echo partial; exit 3"]).status).toBe(
    1,
  );
  expect(JSON.parse(run(["snapshots", "--json"]).out)).toHaveLength(1);
  expect(run(["backup", "--command", "out", "--", "echo", "whole"]).status).toBe(0);
  expect(run(["cat", "latest:/out"]).out).toBe("whole\n");
}, 60_000);

it("leaves out what it is asked to, and nothing else", () => {
  const { place, run, source } = world();
  using _ = place;
  mkdirSync(join(source, "cache"));
  writeFileSync(
    join(source, "cache", "CACHEDIR.TAG"),
    "Signature: 8a477f597d28d172789f06886806bc55\n",
  );
  writeFileSync(join(source, "cache", "big"), "x");
  writeFileSync(join(source, ".ignore"), "*.html\n");
  run(["init"]);
  const listed = (...options: string[]) => {
    run(["backup", source, ...options]);
    return run(["ls", "-R", "latest"]).out;
  };
  expect(listed()).toMatch(/cache\/big.*index.html/s);
  expect(listed("--exclude-caches")).not.toContain("cache/big");
  expect(listed("--ignore-file", ".ignore")).not.toContain("index.html");
  expect(listed("--exclude", "notes")).not.toContain("/notes");
}, 60_000);
