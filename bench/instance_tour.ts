/**
 * The second half of what `npm start` shows: a running instance of real engines is saved twice
 * while it is driven, comes back at another root, and its own oracle says what is there.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkDemo } from "../test/demo/check.ts";
import { type Demo, startDemo } from "../test/demo/demo.ts";
import { momentsIn, prepare } from "../test/demo/revived.ts";
import { stored } from "../test/support/stored.ts";
import { cleanUpOnSignals, onExit, temporaryFolder } from "./place.ts";

const main = resolve(import.meta.dirname, "../bin/holdall.js");
const say = (text: string) => process.stdout.write(`${text}\n`);
cleanUpOnSignals();
using place = temporaryFolder(tmpdir());
const at = (name: string) => join(place.path, name);
const env = {
  ...process.env,
  HOLDALL_REPOSITORY: at("repository"),
  HOLDALL_KEYFILE: at("key"),
};

/** Lines that the command prints. */
async function holdall(...args: string[]): Promise<string[]> {
  const own = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const kept = onExit(() => own.kill());
  let [out, error] = ["", ""];
  own.stdout.on("data", (bytes: Buffer) => {
    out += bytes.toString();
  });
  own.stderr.on("data", (bytes: Buffer) => {
    error += bytes.toString();
  });
  const status = await new Promise((done) => own.on("close", done));
  kept();
  if (status !== 0) throw new Error(`holdall ${args[0]} ended with ${status}: ${error.trim()}`);
  return out.trim().split("\n");
}

async function save(demo: Demo): Promise<void> {
  const lines = await holdall("backup", "--instance", demo.root, "--max-pause", "30");
  for (const line of lines.slice(-2)) say(`  ${line}`);
}

/** With its supervisor everything of an instance ends. */
const begun = (pid: number) => void onExit(() => process.kill(pid, "SIGKILL"));

/** The snapshot's own moments against what every restored service answers. */
async function judge(demo: Demo, root: string): Promise<void> {
  const snapshot = (await stored(at("repository"), at("key"))).at(-1);
  if (snapshot === undefined) throw new Error("there is no snapshot");
  const report = await checkDemo(root, demo.journal, momentsIn(snapshot));
  const { operations, promised, forbidden, findings } = report;
  const number = (kind: string) => findings.filter((f) => f.kind === kind).length;
  const kinds = [`${number("lost")} lost`, `${number("torn")} torn`];
  kinds.push(`${number("order")} out of order`, `${number("after")} from after the cut`);
  say(`  of ${operations} operations ${promised} had to be there and ${forbidden} could not be:`);
  say(`  ${kinds.join(", ")}`);
  if (findings.length > 0) throw new Error(`${findings[0]?.unit}: ${findings[0]?.why}`);
}

async function tour(): Promise<void> {
  chmodSync(place.path, 0o711);
  writeFileSync(at("key"), randomBytes(32).toString("hex"), { mode: 0o600 });
  say("\nA running instance: starting its services");
  await using demo = await startDemo({ root: at("source"), begun });
  say(`  ${demo.services.join(" ")}`);
  for (const line of demo.absent) say(`  without ${line}`);
  await holdall("init");
  say("Saving it twice while it is written to");
  await demo.drivers.start();
  for (let i = 0; i < 2; i++) {
    await sleep(1000);
    await save(demo);
  }
  await demo.drivers.stop();
  await demo.stop();
  say("Restoring it at another root, for another user");
  const target = prepare(demo, at("target"), "www-data");
  const owner = target.user === null ? [] : ["--owner", `nobody=${target.user.name}`];
  const lines = await holdall("restore", "latest", "--instance", target.root, ...owner);
  say(`  ${lines.at(-1)}`);
  const who = target.user === null ? {} : { user: target.user.name };
  await using back = await startDemo({ root: target.root, begun, ...who });
  say(`Asking its ${back.services.length} services`);
  await judge(demo, back.root);
}

try {
  await tour();
} catch (error) {
  say(`the instance did not come back: ${(error as Error).message}`);
  process.exitCode = 1;
}
