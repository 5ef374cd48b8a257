/** `backup --verify` of an instance of which nothing runs: databases and repositories alone. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { world } from "../support/command.ts";
import { put } from "../support/instance.ts";

const able =
  spawnSync("unshare", ["--net", "--pid", "--mount", "--fork", "true"]).status === 0 &&
  ["sqlite3", "git"].every((name) => spawnSync(name, ["--version"]).status === 0);

/** A database of several pages, by what makes them. */
function database(path: string): void {
  const rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT";
  const sql = `CREATE TABLE a (t); CREATE INDEX i ON a (t); INSERT INTO a ${rows} i || 'text' FROM n`;
  execFileSync("sqlite3", [path, sql]);
}

function instance(root: string): string {
  put(root, {
    "holdall.toml":
      '[[service]]\nname = "hero_proxy"\nbuilt-in = true\n\n[[service]]\nname = "hero_foundry"\nbuilt-in = true\n',
    "var/hero_foundry/webdav/acme/note": "a note",
    "var/hero_proxy/README": "no database",
  });
  mkdirSync(join(root, "var/hero_foundry/git/acme"), { recursive: true });
  const path = join(root, "var/hero_proxy/tokens.db");
  database(path);
  return path;
}

describe.runIf(able)("a backup with --verify", () => {
  it("names what was tried and what was not, and is none when a page is broken", () => {
    using w = world();
    const path = instance(w.at("hero"));
    expect(w.run(["init"]).status).toBe(0);
    const backup = ["backup", "--instance", w.at("hero"), "--verify"];
    const before = Date.now();
    const saved = w.json(backup);
    // Nobody runs who would have to be stopped.
    expect((saved.stood as { at: number }).at).toBeGreaterThan(before - 1000);
    expect(saved).toMatchObject({
      event: "snapshot",
      verified: {
        units: ["hero_proxy/tokens"],
        not: [
          { unit: "hero_foundry/files", why: "its descriptor says no way to" },
          { unit: "hero_foundry/git", why: "nothing of it is var/hero_foundry/git/*/*.git" },
        ],
      },
    });
    const git = join(w.at("hero"), "var/hero_foundry/git/acme/x.git");
    execFileSync("git", ["init", "-q", "--bare", git]);
    expect(JSON.stringify(w.json(backup).verified)).toContain('"units":["hero_foundry/git","hero');
    const bytes = readFileSync(path);
    // The last page is of the index.
    writeFileSync(path, Buffer.concat([bytes.subarray(0, -4096), Buffer.alloc(4096, 7)]));
    const broken = w.run(backup);
    expect(broken.err).toMatch(
      /^holdall: hero_proxy\/tokens did not come up on a clone [^\n]+\n {2}see what its/m,
    );
    expect(broken.status).toBe(25);
    expect((JSON.parse(w.run(["snapshots", "--json"]).out) as unknown[]).length).toBe(2);
    execFileSync("rm", ["-r", join(git, "refs")]);
    expect(w.run(backup).err).toMatch(
      /hero_foundry\/git did not come up .*; nor did hero_proxy\/t/,
    );
  }, 60_000);

  it("tells what it would try, and goes with a cut alone", () => {
    using w = world();
    instance(w.at("hero"));
    expect(w.run(["init"]).status).toBe(0);
    const dry = w.run(["backup", "--instance", w.at("hero"), "--verify", "--dry-run"]);
    expect(dry.out).toContain("to be verified on a clone: hero_foundry/git, hero_proxy/tokens\n");
    for (const more of [["--instance", w.at("hero"), "--no-pause"], [w.source]]) {
      const refused = w.run(["backup", "--verify", ...more]);
      expect(refused.err).toMatch(
        /^holdall: --verify goes with --instance, and not with --no-pause/,
      );
      expect(refused.status).toBe(2);
    }
  }, 60_000);
});
