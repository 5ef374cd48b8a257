/** One barrier as a process of its own, to be killed at each step: itself, or its watchdog. */
import { openFreezer } from "../../src/freeze/open.ts";
import { planNow, standStill } from "../../src/freeze/stand.ts";
import type { Undo } from "../../src/freeze/watchdog.ts";
import { systemRuntime } from "../../src/index.ts";
import { native } from "../../src/seam/native.ts";

export interface Order {
  readonly stateFolder: string;
  readonly source: string;
  readonly services: readonly { service: string; pids: number[]; dependsOn: string[] }[];
  readonly undone: string;
  readonly freezer: string;
  readonly maxPause: number;
  /** Whom to kill before which step; `hang`: nobody, it only stays there. */
  readonly kill: "self" | "watchdog" | "group" | "hang" | null;
  readonly at: string;
}

const say = (text: string) => process.stdout.write(`${text}\n`);
const order = JSON.parse(process.argv[2] ?? "") as Order;
const { source, services, kill } = order;

const watchdogs = () =>
  native.census([]).filter((p) => p.parent === process.pid && p.name === "holdall-watchdo");

function step(name: string): void {
  say(`step ${name}`);
  if (name !== order.at) return;
  if (kill === "watchdog" || kill === "group") {
    for (const { pid } of watchdogs()) process.kill(pid, "SIGKILL");
  }
  if (kill === "self" || kill === "group") process.kill(process.pid, "SIGKILL");
}

const given = {
  services: services.map((s) => ({
    ...s,
    handovers: [{ unit: `${s.service}/data`, kind: "flush" }] as const,
  })),
  supervisor: null,
  owner: (path: Buffer) => (path.toString().startsWith(`${source}/`) ? "app" : ""),
  maxPause: order.maxPause,
  obstacles: [],
};

const claimed = [Buffer.from(source)];
const runtime = systemRuntime();
const undo: Undo[] = [{ kind: "run", command: ["touch", order.undone] }];
try {
  const plan = planNow(given, claimed);
  const prepared = await openFreezer(order.freezer).prepare(runtime, [source], []);
  await using _ = prepared;
  const handOver = async () => {
    if (kill === "hang") await runtime.clock.sleep(1000);
  };
  const options = { given, claimed, plan, prepared, undo, handOver, step };
  const { view, cut } = await standStill(runtime, { ...options, stateFolder: order.stateFolder });
  await using __ = view;
  say(`cut ${JSON.stringify({ ...cut, flushed: [...cut.flushed], stopped: [...cut.stopped] })}`);
} catch (error) {
  say(`failed ${(error as Error).message}`);
}
