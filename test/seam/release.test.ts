/** What a job holds goes when it is over, though whoever started it goes on for days. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openMemoryStore } from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { temporary } from "../support/tree.ts";

/** MiB of addresses that this process has. */
function mapped(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/VmSize:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

it("twenty backups take no more addresses than some", async () => {
  using place = temporary();
  const source = join(place.path, "source");
  mkdirSync(source);
  const { save } = await fixture(place.path, openMemoryStore());
  const saved = async (round: number) => {
    writeFileSync(join(source, "file"), `${round}`);
    await save([source]);
  };
  for (const round of [1, 2, 3]) await saved(round);
  const before = mapped();
  for (let round = 4; round < 24; round++) await saved(round);
  // Two packs of 16 MiB are filled by each of them.
  expect(mapped() - before).toBeLessThan(300);
}, 60_000);
