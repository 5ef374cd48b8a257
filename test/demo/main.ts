/**
 * `npm run demo`: starts the demo instance with its drivers and stays until it is told to stop, by
 * Ctrl-C or by `npm run demo -- stop`. Data stay; `--fresh` removes what an earlier run left.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { largestGap, readJournal } from "./chain.ts";
import { placeAt } from "./check.ts";
import { type Demo, startDemo } from "./demo.ts";
import { isGone, type Known, know, lives } from "./processes.ts";
import { choose } from "./services.ts";
import { attach } from "./zinit.ts";

const USAGE =
  "npm run demo [-- [start|stop] [--root FOLDER] [--seed N] [--pace MS] [--services A,B]" +
  " [--fresh]]";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: "string", default: join(tmpdir(), "holdall-demo", "instance") },
    seed: { type: "string", default: "1" },
    services: { type: "string" },
    pace: { type: "string", default: "50" },
    fresh: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const root = resolve(values.root);
const services = values.services?.split(",");
const state = `${root}.running.json`;

const say = (text: string) => process.stdout.write(`${text}\n`);

interface Running {
  readonly main: Known;
  readonly supervisor: Known;
}

function running(): Running | null {
  if (!existsSync(state)) return null;
  return JSON.parse(readFileSync(state, "utf8")) as Running;
}

/** Asks the one that started it; where that one is gone, does what it would have done. */
async function stop(): Promise<number> {
  const found = running();
  if (found === null || !(lives(found.main) || lives(found.supervisor))) {
    say(`no demo runs at ${root}`);
    return 1;
  }
  if (lives(found.main)) process.kill(found.main.pid, "SIGTERM");
  if (!(await isGone(found.main, 30))) throw new Error(`process ${found.main.pid} does not end`);
  if (lives(found.supervisor)) {
    await attach(placeAt(root), choose(services).services, found.supervisor.pid).end();
  }
  rmSync(state, { force: true });
  say(`the demo at ${root} has stopped`);
  return 0;
}

async function show(demo: Demo): Promise<void> {
  const pids = await demo.pids();
  for (const name of demo.services) {
    const all = pids[name] ?? [];
    say(`  ${name.padEnd(14)} ${all.length === 1 ? "process" : "processes"} ${all.join(" ")}`);
  }
  for (const line of demo.absent) say(`  ${line}`);
  say(`  sockets in ${join(root, "var/sockets")}, journal in ${demo.journal}`);
}

function verdict(demo: Demo): void {
  const lines = readJournal(demo.journal);
  const told = lines.flat().filter(({ acknowledged }) => acknowledged !== null).length;
  const gap = Math.max(0, ...lines.map((line) => largestGap(line)));
  say(`${told} operations were acknowledged; the largest gap at a driver was ${gap.toFixed(0)} ms`);
}

async function start(): Promise<number> {
  const found = running();
  if (found !== null && (lives(found.main) || lives(found.supervisor))) {
    say(`a demo runs at ${root}; npm run demo -- stop`);
    return 1;
  }
  if (values.fresh) {
    for (const path of [root, `${root}.journal`, `${root}.journal.json`])
      rmSync(path, { recursive: true, force: true });
  }
  const told = new Promise<void>((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, done);
  });
  const began = performance.now();
  await using demo = await startDemo({
    root,
    seed: Number(values.seed),
    pace: Number(values.pace),
  });
  const [main, supervisor] = [know(process.pid), know(demo.supervisor.pid)];
  writeFileSync(state, JSON.stringify({ main, supervisor }));
  say(`the demo at ${root} runs after ${((performance.now() - began) / 1000).toFixed(1)} s:`);
  await show(demo);
  await demo.drivers.start();
  say("drivers run; stop it with Ctrl-C or: npm run demo -- stop");
  await told;
  await demo.stop();
  rmSync(state, { force: true });
  verdict(demo);
  return 0;
}

const verbs: Readonly<Record<string, () => Promise<number>>> = { start, stop };
const act = verbs[positionals[0] ?? "start"];
if (act === undefined || values.help) {
  say(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  try {
    process.exitCode = await act();
  } catch (error) {
    say((error as Error).message);
    process.exitCode = 1;
  }
}
