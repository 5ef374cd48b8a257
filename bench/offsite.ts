/**
 * Backups into a bucket and back beside the peers on PATH: the same server and data in one run, at
 * several latencies. Time, requests, and bytes that crossed the wire. `npm run bench:offsite`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { KEY, SECRET, startServer } from "../test/support/s3server.ts";
import { SERVERS, type ServerKind } from "../test/support/servers.ts";
import type { DataSet } from "./data/state.ts";
import { OFFSITE, prepare, type Row, warm } from "./data.ts";
import { describeMachine, type Machine, versionOf } from "./machine.ts";
import { type Measured, measure, printed } from "./measure.ts";
import { type Cost, type FarColumn, markdown, NOTHING, plus } from "./offsite_report.ts";
import { type FarPeer, farPeers } from "./peers/far.ts";
import type { Saved } from "./peers/peer.ts";
import { cleanUpOnSignals, onExit, restoreTarget, temporaryFolder } from "./place.ts";
import { laterDays, type Run, restore, showOne } from "./round.ts";
import { openWay } from "./way.ts";

interface Options {
  readonly data: string;
  readonly work: string;
  readonly out?: string;
  readonly server: ServerKind;
  readonly latency: number[];
  readonly scale: number;
  readonly seed: string;
  readonly rounds: number;
  readonly only?: string[];
}

const BUCKET = "offsite";
const note = (text: string): boolean => process.stderr.write(`${text}\n`);
const listed = (text: string): string[] => text.split(",").map((word) => word.trim());

function options(): Options {
  const given = new Command("offsite")
    .description("times holdall and the backup programs on PATH with one S3 server")
    .requiredOption("--data <folder>", "where the data set is built once and kept")
    .option("--work <folder>", "where caches and restores go", join(tmpdir(), "holdall-bench"))
    .option("--out <folder>", "write offsite.md and offsite.json there")
    .option("--server <name>", `one of ${SERVERS.join(", ")}`, "versitygw")
    .option(
      "--latency <list>",
      "milliseconds of a round trip",
      (l) => listed(l).map(Number),
      [0, 30],
    )
    .option("--scale <share>", "size of the data set", Number, 1)
    .option("--seed <word>", "what the data set is drawn from", "1")
    .option("--rounds <n>", "rounds of every tool", Number, 3)
    .option("--only <names>", "programs whose name begins so, such as holdall,restic", listed)
    .parse()
    .opts<Options>();
  if (!SERVERS.includes(given.server)) throw new Error(`no server ${given.server}`);
  if (!given.latency.every((ms) => ms >= 0)) throw new Error("a latency is 0 or more");
  return { ...given, data: resolve(given.data), work: resolve(given.work) };
}

/** The programs to run, by name; those that are absent are named with what installs them. */
function present({ only }: Options): FarPeer[] {
  const nowhere = { endpoint: "http://127.0.0.1:1", name: BUCKET, key: KEY, secret: SECRET };
  return farPeers(nowhere).filter((peer) => {
    if (!(only?.some((name) => peer.name.startsWith(name)) ?? true)) return false;
    const found = versionOf(peer) !== undefined;
    if (!found) note(`${peer.name} is not on PATH: ${peer.install}`);
    return found;
  });
}

interface Terms {
  readonly given: Options;
  readonly latency: number;
  /** Compare all that was restored with the source. */
  readonly compare: boolean;
}

/** One tool once through everything, with a server of its own. */
async function round(name: string, set: DataSet, { given, latency, compare }: Terms) {
  const server = await startServer(given.server);
  const gone = onExit(() => server[Symbol.dispose]());
  using folder = temporaryFolder(given.work);
  try {
    await server.makeBucket(BUCKET);
    using way = await openWay(server.endpoint, latency);
    const bucket = { endpoint: way.endpoint, name: BUCKET, key: KEY, secret: SECRET };
    const peer = farPeers(bucket).find((p) => p.name === name);
    if (peer === undefined) throw new Error(`no program ${name}`);
    const scratch = join(folder.path, "scratch");
    mkdirSync(scratch);
    /** A machine: its own home, and all that its commands cost since the last look. */
    const machine = (at: string) => {
      const home = join(folder.path, at);
      mkdirSync(home);
      const env = { ...peer.env(home), HOME: home, XDG_CACHE_HOME: `${home}/cache` };
      let cost = NOTHING;
      const run: Run = async (command, cwd = home): Promise<Measured> => {
        way.look();
        const done = await measure(command, { env, cwd, scratch, cold: false });
        cost = plus(cost, { ...done, ...way.look() });
        return done;
      };
      const look = (): Cost => {
        const spent = cost;
        cost = NOTHING;
        return spent;
      };
      return { home, run, look };
    };
    const costs: Partial<Record<Row, Cost>> = {};
    const here = machine("home");
    set.go(1);
    for (const command of peer.init(here.home)) await here.run(command);
    here.look();
    let saved: Saved = { source: set.live, count: 0, printed: "" };
    const save = async () => {
      const count = saved.count + 1;
      const figure = await here.run(peer.save(here.home, set.live, count));
      saved = { source: set.live, count, printed: printed(figure) };
      return figure;
    };
    await save();
    costs.backup = here.look();
    await save();
    costs.unchanged = here.look();
    await laterDays(set, save);
    costs.later = here.look();
    // What comes back comes to a machine that knows nothing but the secret.
    for (const [row, bring] of [
      ["restore", (run: Run) => restore(peer, set, saved, run, folder.path, compare)],
      ["one", (run: Run) => showOne(peer, set, saved, run)],
    ] as const) {
      const there = machine(row);
      for (const command of peer.join(there.home, here.home)) await there.run(command);
      await bring(there.run);
      costs[row] = there.look();
    }
    return costs;
  } finally {
    gone();
    server[Symbol.dispose]();
  }
}

/** All rounds at one latency. A tool that failed is named and left out of the next rounds. */
async function run(set: DataSet, peers: readonly FarPeer[], latency: number, given: Options) {
  const columns = peers.map(({ name }): FarColumn => ({ name, rounds: [] }));
  for (let i = 0; i < given.rounds; i++) {
    const turn = i % Math.max(1, columns.length);
    for (const column of [...columns.slice(turn), ...columns.slice(0, turn)]) {
      if (column.failure !== undefined) continue;
      const told = `${latency} ms ${i + 1}/${given.rounds} ${column.name}`;
      try {
        const costs = await round(column.name, set, { given, latency, compare: i === 0 });
        column.rounds.push(costs);
        const all = Object.entries(costs).map(
          ([row, c]) => `${row} ${c.wall.toFixed(2)} s ${c.requests}`,
        );
        note(`${told}: ${all.join(", ")}`);
      } catch (error) {
        column.failure = error instanceof Error ? error.message : String(error);
        note(`${told} failed: ${column.failure}`);
      }
    }
  }
  return columns;
}

function preface(machine: Machine, set: DataSet, given: Options): string {
  const { cpu, cores, memoryMiB, kernel, node, versions } = machine;
  const said = Object.entries(versions).map(([name, version]) => `${name}: ${version}`);
  const target = restoreTarget();
  return [
    `${cpu}, ${cores} cores, ${memoryMiB} MiB, Linux ${kernel}, Node ${node}; ${given.server} on `,
    `loopback, behind a proxy that counts and waits.\n\n${said.join("; ")}.\n\n`,
    `${OFFSITE.about}: ${set.files} files, ${(set.bytes / (1 << 20)).toFixed(0)} MiB. `,
    `Medians of ${given.rounds}, scale ${given.scale}, seed ${given.seed}. Bytes are those on the `,
    "wire, heads included. Restores and the one file come to a machine without any cache, the ",
    `former to ${target}, and were compared with the source. What a program does to reach a `,
    "repository from there is part of them.\n\n",
  ].join("");
}

async function main(): Promise<void> {
  cleanUpOnSignals();
  const given = options();
  mkdirSync(given.work, { recursive: true });
  const peers = present(given);
  const machine = describeMachine(peers, given.work);
  note("preparing the data");
  const set = prepare(OFFSITE, given.data, given.scale, given.seed);
  set.go(1);
  warm(set.live);
  let report = preface(machine, set, given);
  process.stdout.write(report);
  const all: object[] = [];
  for (const latency of given.latency) {
    const columns = await run(set, peers, latency, given);
    const section = markdown(`${latency} ms`, columns);
    report += section;
    process.stdout.write(section);
    all.push({ latency, columns });
    if (given.out === undefined) continue;
    mkdirSync(given.out, { recursive: true });
    writeFileSync(join(given.out, "offsite.md"), report);
    const { server, rounds, scale, seed } = given;
    const facts = { machine, server, rounds, scale, seed, latencies: all };
    writeFileSync(join(given.out, "offsite.json"), JSON.stringify(facts, null, 2));
  }
  set.go(1);
}

await main().catch((error: unknown) => {
  note(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
