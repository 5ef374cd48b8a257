/**
 * An ordinary user saves an instance of his own with `--verify`: real engines come up on a clone of
 * the cut in a user namespace. Where the kernel gives him none, the command says so, and that is
 * asked of the kernel and not of the command.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MAIN } from "../support/command.ts";
import { has } from "./parts.ts";
import { dataOf } from "./place.ts";
import { running } from "./running.ts";
import { flip, stages } from "./saved.ts";

const runs = (["python3", "postgres", "sqlite3", "git", "unshare"] as const).every(has);

const services = ["postgres", "hero_secrets", "hero_collab", "hero_foundry"];
const { w, root, demo } = running(runs, { services, alone: true });
const backup = ["backup", "--instance", root, "--max-pause", "20", "--verify"];
const TRIED = [
  ...["hero_collab/attachments", "hero_collab/db", "hero_foundry/git", "hero_secrets/db"],
  ...["postgres/cluster", "postgres/space"],
];
/** Who owns the instance, and runs the command. */
const nobody = { uid: 65_534, gid: 65_534 };
const env = { ...w.env, HOME: w.at("home"), XDG_RUNTIME_DIR: w.at("home") };
const more = { env, user: nobody };

const SPACES = ["--net", "--pid", "--ipc", "--mount", "--fork", "true"];
const given =
  runs &&
  spawnSync("unshare", ["--map-root-user", "--", "unshare", ...SPACES], nobody).status === 0;

/** The command in a user namespace of his that may have one more below it, which he is in. */
function withoutNamespaces(words: readonly string[]) {
  const script = 'echo 1 >/proc/sys/user/max_user_namespaces && exec unshare --user "$@"';
  const own = [`--map-user=${nobody.uid}`, `--map-group=${nobody.gid}`, "--"];
  const all = ["--user", "--map-root-user", "sh", "-c", script, "sh", ...own];
  const options = { env, ...nobody, encoding: "utf8" } as const;
  const run = spawnSync("unshare", [...all, process.execPath, MAIN, ...words], options);
  return { status: run.status, out: run.stdout, err: run.stderr };
}

describe.runIf(runs)("an ordinary user whose instance runs", () => {
  it("has a home, a repository and the root of the instance", () => {
    for (const name of ["home", "repo"]) mkdirSync(w.at(name));
    for (const name of ["home", "repo", "key", "source"]) {
      chownSync(w.at(name), nobody.uid, nobody.gid);
    }
    expect(demo().place.user).toMatchObject(nobody);
    expect(w.run(["init"], more).status).toBe(0);
  });

  it.runIf(given)(
    "has it come up on a clone before it is a snapshot",
    () => {
      const { status, err, out } = w.run(["--json", ...backup], more);
      expect([err, status]).toEqual(["", 0]);
      const { verified, files } = JSON.parse(out.trim().split("\n").at(-1) ?? "") as {
        verified: { units: string[] };
        files: number;
      };
      expect(verified.units.sort()).toEqual(TRIED);
      expect(files).toBeGreaterThan(1000);
      expect(stages(root)).toEqual([]);
    },
    120_000,
  );

  it.runIf(given)(
    "gets no snapshot of a cut in which a bit of each engine is another",
    () => {
      const { place } = demo();
      const database = join(dataOf(place, "hero_collab"), "collab.db");
      execFileSync("sqlite3", [database, "PRAGMA wal_checkpoint(TRUNCATE)"], nobody);
      const objects = join(dataOf(place, "hero_foundry"), "git/acme/work.git/objects");
      const one = readdirSync(objects, { recursive: true, encoding: "utf8" }).find((name) =>
        /^..\/[0-9a-f]{38}$/.test(name),
      );
      const spoiled: [string, number][] = [
        // The kind of the second page, the header of zlib, and the state of a control file.
        [database, 4096],
        [join(objects, one ?? ""), 0],
        [join(dataOf(place, "postgres"), "data/global/pg_control"), 60],
      ];
      for (const [path, at] of spoiled) flip(path, at);
      const { status, out, err } = w.run(backup, more);
      for (const [path, at] of spoiled) flip(path, at);
      expect(err).toMatch(/^holdall: hero_collab\/db did not come up on a clone of the cut: .*/m);
      expect(err).toMatch(/; nor did hero_foundry\/git, postgres\/cluster\n/);
      expect(status).toBe(25);
      expect(out).not.toContain("saved");
      expect(JSON.parse(w.run(["snapshots", "--json"], more).out)).toHaveLength(1);
      expect(stages(root)).toEqual([]);
    },
    120_000,
  );

  it("is told that the kernel gives none, before anybody stands still", () => {
    const { status, out, err } = given ? withoutNamespaces(backup) : w.run(backup, more);
    expect(err).toMatch(
      /^holdall: --verify needs namespaces of its own, and there are none: unshare: .+\n {2}check/m,
    );
    expect(status).toBe(1);
    // Not even a plan of whom it would stop.
    expect(out).toBe("");
    expect(stages(root)).toEqual([]);
  }, 120_000);

  it.runIf(given)(
    "has nobody taken for still into whom he cannot look",
    () => {
      const { out } = withoutNamespaces(["backup", "--instance", root, "--dry-run"]);
      expect(out).toMatch(
        /^cannot stand still: hero_foundry \(pid \d+\) of hero_foundry belongs to another user: /m,
      );
      // A pid file alone has its number.
      expect(out).toMatch(/^not stopped, copied by its engine: .*\bpostgres$/m);
    },
    120_000,
  );
});
