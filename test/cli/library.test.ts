/** The public library, used as another program uses it: by the package's name, from its build. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { differences, temporary } from "../support/tree.ts";
import { ACCESS, addressOf } from "../support/where.ts";

const ROOT = join(import.meta.dirname, "../..");

it("backs up, restores and lists with an abort signal and events", () => {
  using place = temporary();
  const source = join(place.path, "src");
  const target = join(place.path, "back");
  mkdirSync(source);
  for (let i = 0; i < 8; i++) writeFileSync(join(source, `f${i}`), randomBytes(12 << 20));
  const program = join(ROOT, ".build/test/support/embedder.js");
  const args = [program, addressOf(join(place.path, "repo")), source, target];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    env: { ...process.env, ...ACCESS },
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({
    code: "interrupted",
    before: 0,
    troubles: 0,
    same: true,
    names: 8,
    restored: { entries: 8, bytes: 8 * (12 << 20), troubles: 0 },
    kinds: expect.arrayContaining(["phase", "progress", "restoring"]),
  });
  expect(differences(source, target)).toEqual([]);
}, 60_000);

it("documents every function that it exports", () => {
  const index = readFileSync(join(ROOT, "src/index.ts"), "utf8");
  const bare: string[] = [];
  for (const [, names = "", from = ""] of index.matchAll(/export \{([^}]*)\} from "([^"]+)"/g)) {
    const text = readFileSync(join(ROOT, "src", from), "utf8");
    for (const name of names.split(",").map((n) => n.trim())) {
      const found = new RegExp(`(\\*/\\n)?export (async )?function ${name}\\(`).exec(text);
      if (found !== null && found[1] === undefined) bare.push(name);
    }
  }
  expect(bare).toEqual([]);
});
