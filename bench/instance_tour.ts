/**
 * The second half of what `npm start` shows: a running instance of real engines is saved twice
 * while it is driven, comes back at another root, and its own oracle says what is there.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openRepository, openStore, systemRuntime } from "../src/index.ts";
import { checkDemo } from "../test/demo/check.ts";
import { type Demo, startDemo } from "../test/demo/demo.ts";
import { momentsOf, prepare } from "../test/demo/revived.ts";

const main = resolve(import.meta.dirname, "../bin/holdall.js");
const say = (text: string) => process.stdout.write(`${text}\n`);
const place = mkdtempSync(join(tmpdir(), "holdall-instance-"));
const repository = join(place, "repository");
const key = randomBytes(32);
let child: ChildProcess | null = null;

/** Lines that the command prints. */
async function holdall(...args: string[]): Promise<string[]> {
  const env = {
    ...process.env,
    HOLDALL_REPOSITORY: repository,
    HOLDALL_KEYFILE: join(place, "key"),
  };
  const own = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  child = own;
  let [out, error] = ["", ""];
  own.stdout.on("data", (bytes: Buffer) => {
    out += bytes.toString();
  });
  own.stderr.on("data", (bytes: Buffer) => {
    error += bytes.toString();
  });
  const status = await new Promise((done) => own.on("close", done));
  if (status !== 0) throw new Error(`holdall ${args[0]} ended with ${status}: ${error.trim()}`);
  return out.trim().split("\n");
}

async function save(demo: Demo): Promise<void> {
  const lines = await holdall("backup", "--instance", demo.root, "--max-pause", "30");
  for (const line of lines.slice(-2)) say(`  ${line}`);
}

/** The snapshot's own moments against what every restored service answers. */
async function judge(demo: Demo, root: string): Promise<void> {
  const store = openStore(repository);
  const secret = { kind: "keyfile", bytes: key } as const;
  await using open = await openRepository(store, secret, systemRuntime());
  const snapshot = (await open.snapshots()).snapshots.at(-1);
  if (snapshot === undefined) throw new Error("there is no snapshot");
  const report = await checkDemo(root, demo.journal, momentsOf(snapshot));
  const { operations, promised, forbidden, findings } = report;
  const number = (kind: string) => findings.filter((f) => f.kind === kind).length;
  const kinds = [`${number("lost")} lost`, `${number("torn")} torn`];
  kinds.push(`${number("order")} out of order`, `${number("after")} from after the cut`);
  say(`  of ${operations} operations ${promised} had to be there and ${forbidden} could not be:`);
  say(`  ${kinds.join(", ")}`);
  if (findings.length > 0) throw new Error(`${findings[0]?.unit}: ${findings[0]?.why}`);
}

async function tour(): Promise<void> {
  chmodSync(place, 0o711);
  writeFileSync(join(place, "key"), key.toString("hex"), { mode: 0o600 });
  say("\nA running instance: starting its services");
  await using demo = await startDemo({ root: join(place, "source") });
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
  const target = prepare(demo, join(place, "target"), "www-data");
  const owner = target.user === null ? [] : ["--owner", `nobody=${target.user.name}`];
  const lines = await holdall("restore", "latest", "--instance", target.root, ...owner);
  say(`  ${lines.at(-1)}`);
  const who = target.user === null ? {} : { user: target.user.name };
  await using back = await startDemo({ root: target.root, ...who });
  say(`Asking its ${back.services.length} services`);
  await judge(demo, back.root);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    child?.kill(signal);
    process.exitCode = 130;
  });
}
try {
  await tour();
} catch (error) {
  say(`the instance did not come back: ${(error as Error).message}`);
  process.exitCode ||= 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}
