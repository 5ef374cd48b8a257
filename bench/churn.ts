/**
 * What later backups of a running instance store beside the 4 KiB pages that differ: the demo
 * instance left alone, and after its drivers worked. `node .build/bench/churn.js --help`.
 */
import { randomBytes } from "node:crypto";
import { chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import {
  backup,
  init,
  openRepository,
  openStore,
  restore,
  type Snapshot,
  systemRuntime,
} from "../src/index.ts";
import { startDemo } from "../test/demo/demo.ts";
import { cutDemo, dirtied, PAGE, sizeOf } from "../test/demo/saved.ts";
import { cleanUpOnSignals, onExit, temporaryFolder } from "./place.ts";

interface Options {
  readonly work: string;
  readonly seed: string;
  readonly seconds: string;
}

const { work, seed, seconds } = new Command("churn")
  .description("what later backups of the demo instance store beside the pages that differ")
  .option("--work <folder>", "where instance and repository go", join(tmpdir(), "holdall-bench"))
  .option("--seed <n>", "what the instance is drawn from", "1")
  .option("--seconds <n>", "how long its drivers work", "10")
  .parse()
  .opts<Options>();

cleanUpOnSignals();
using place = temporaryFolder(resolve(work));
chmodSync(place.path, 0o711);
const at = (name: string) => join(place.path, name);
const runtime = systemRuntime();
const secret = { kind: "keyfile", bytes: randomBytes(32) } as const;
await init(runtime, openStore(at("repo")), secret);
await using demo = await startDemo({
  root: at("demo"),
  seed: Number(seed),
  pace: 2,
  // With its supervisor everything ends that it started.
  begun: (pid) => onExit(() => process.kill(pid, "SIGKILL")),
});
for (const absent of demo.absent) process.stderr.write(`${absent}\n`);

/** Saves the instance, and brings back what was saved. */
async function save(name: string): Promise<{ stored: number; copy: string }> {
  const before = sizeOf(at("repo"));
  const snapshot = await cut();
  const stored = sizeOf(at("repo")) - before;
  await using repository = await openRepository(openStore(at("repo")), secret, runtime);
  const from = { path: Buffer.from(demo.root), target: at(name), workers: 2 };
  await restore(runtime, repository, snapshot, from);
  return { stored, copy: at(name) };
}

async function cut(): Promise<Snapshot> {
  await using repository = await openRepository(openStore(at("repo")), secret, runtime);
  await using still = await cutDemo(runtime, demo.root);
  const options = { paths: [], host: "bench", workers: 2, tool: "bench", instance: "demo" };
  return (await backup(runtime, repository, { ...options, units: still.units })).snapshot;
}

const first = await save("first");
const idle = await save("idle");
await demo.drivers.start();
await sleep(Number(seconds) * 1000);
await demo.drivers.stop();
const busy = await save("busy");

const kib = (bytes: number) => (bytes / 1024).toFixed(0);
const row = (name: string, stored: number, pages: number) =>
  `| ${name} | ${kib(stored)} | ${kib(pages * PAGE)} | ${(stored / (pages * PAGE)).toFixed(2)} |`;
process.stdout.write(
  [
    "| backup | stored, KiB | pages that differ, KiB | ratio |",
    "|---|---|---|---|",
    row("first", first.stored, dirtied(at("none"), first.copy)),
    row("idle", idle.stored, dirtied(first.copy, idle.copy)),
    row(`${seconds} s of drivers`, busy.stored, dirtied(idle.copy, busy.copy)),
    "",
  ].join("\n"),
);
