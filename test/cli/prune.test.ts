/** `forget`, `undelete` and `prune` as people and scripts meet them. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { world } from "../support/command.ts";
import { noise } from "../support/noise.ts";

/** Three snapshots, of which only the last is needed whole. */
function saved() {
  const w = world();
  const run = (...args: string[]) => {
    const done = w.run(args);
    expect(done.status, done.err).toBe(0);
    return done.out;
  };
  run("init");
  const big = join(w.source, "big");
  writeFileSync(big, noise(1, 2_000_000));
  const ids = ["one", "two", "three"].map((tag) => {
    const { id } = w.json(["backup", w.source, "--host", "web", "--tag", tag]);
    if (tag === "two") rmSync(big);
    return String(id);
  });
  return { w, run, ids };
}

it("says what is kept and why, forgets the rest, and gives the space back", () => {
  const { w, run, ids } = saved();
  using _ = w;
  const policy = ["forget", "--keep-last", "1", "--keep-tag", "one"];
  const dry = run(...policy, "--dry-run");
  const lines = ["web: /.*/src", "keep +\\w{8} .* tag one", "forget +\\w{8} .*", "keep +.* last 1"];
  expect(dry).toMatch(new RegExp(`^${lines.join("\n")}\n\n1 snapshot would be forgotten$`, "m"));
  expect(w.json(policy)).toMatchObject({
    event: "forget",
    forgotten: [ids[1]],
    groups: [
      {
        host: "web",
        refused: null,
        verdicts: [{ keep: true, reasons: ["tag one"] }, { keep: false }, {}],
      },
    ],
  });
  run("forget", ids[0] ?? "");
  expect(w.run(["restore", ids[0] ?? "", "--to", w.at("x")]).status).toBe(1);
  const plan = w.json(["prune", "--dry-run"]);
  expect(plan).toMatchObject({ event: "prune", dryRun: true, snapshots: 2 });
  expect(Number(plan.before) - Number(plan.after)).toBeGreaterThan(1_900_000);
  expect(w.json(["stats"])).toMatchObject({ packBytes: plan.before });
  const said = run("prune");
  expect(said).toMatch(
    /^\d+ packs? and 2 snapshots gone: .* before, .* now; .* copied, .* left unused\n$/,
  );
  const stats = w.json(["stats"]);
  // What is copied comes to lie in packs of a few fixed sizes.
  expect(Math.abs(Number(stats.packBytes) - Number(plan.after))).toBeLessThan(65_536);
  expect(stats.snapshots).toBe(1);
  expect(run("check", "--read")).toContain("1 snapshot");
}, 60_000);

it("brings back what was forgotten, and lists what could be", () => {
  const { w, run, ids } = saved();
  using _ = w;
  run("forget", ids[0] ?? "", ids[1] ?? "");
  expect(JSON.parse(run("snapshots", "--json"))).toHaveLength(1);
  const could = run("undelete").trim().split("\n");
  expect(could.slice(0, -1).sort()).toEqual(
    ids
      .slice(0, 2)
      .map((id) => id.slice(0, 8))
      .sort(),
  );
  expect(could.at(-1)).toBe("2 snapshots can be brought back");
  expect(run("undelete", (ids[0] ?? "").slice(0, 6))).toMatch(
    /^1 snapshot brought back, 0 B stored/,
  );
  run("prune");
  const gone = w.run(["--json", "undelete", ids[1] ?? ""]);
  expect(gone.status).toBe(1);
  expect(gone.out).toContain('"code":"no_snapshot"');
  run("restore", ids[0] ?? "", "--to", w.at("back"));
}, 60_000);

it("refuses what cannot be meant, and says when a group was let be", () => {
  const { w, ids } = saved();
  using _ = w;
  const status = (...args: string[]) => w.run(args).status;
  expect(status("forget")).toBe(2);
  expect(status("forget", ids[0] ?? "", "--keep-last", "1")).toBe(2);
  expect(status("forget", "--keep-last", "x")).toBe(2);
  expect(status("forget", "--keep-within", "soon")).toBe(2);
  expect(status("forget", "--keep-last", "1", "--group-by", "size")).toBe(2);
  expect(status("forget", "latest")).toBe(1);
  expect(status("prune", "--max-unused", "10")).toBe(2);
  expect(status("prune", "--wait", "1")).toBe(2);
  const spared = w.run(["forget", "--keep-tag", "none"]);
  expect(spared.status).toBe(3);
  expect(spared.out).toContain("nothing is forgotten here: the policy would forget every snapshot");
  expect(w.run(["forget", "--read-only", ids[0] ?? ""]).status).toBe(1);
  expect(w.json(["forget", "--keep-last", "1", "--group-by", "tags"])).toMatchObject({
    forgotten: [],
  });
  expect(w.json(["forget", "--keep-tag", "none", "--empty"]).forgotten).toHaveLength(3);
}, 60_000);
