/** What goes away while a copy of the living source is prepared is no reason to fail. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openFreezer } from "../../src/freeze/open.ts";
import { systemRuntime } from "../../src/index.ts";
import { temporary } from "../support/tree.ts";

const PASSES = 200;

it("prepares a copy while folders come and go", async () => {
  using place = temporary();
  const at = join(place.path, "data");
  mkdirSync(at);
  writeFileSync(join(at, "stays"), "stays");
  const storm =
    'for i in 1 2 3; do (while :; do mkdir -p "$0/$i/a/b"; : >"$0/$i/a/b/c"; rm -r "$0/$i"; done) & done; wait';
  const child = spawn("/bin/sh", ["-c", storm, at], { detached: true, stdio: "ignore" });
  const wrong: string[] = [];
  try {
    for (let turn = 0; turn < PASSES; turn++) {
      try {
        await using prepared = await openFreezer("copy").prepare(systemRuntime(), [at], []);
        await using view = await prepared.cut([]);
        expect(readFileSync(join(view.at(at), "stays"), "utf8")).toBe("stays");
      } catch (error) {
        wrong.push((error as Error).message);
      }
    }
  } finally {
    process.kill(-(child.pid ?? 0), "SIGKILL");
  }
  expect(wrong).toEqual([]);
}, 120_000);
