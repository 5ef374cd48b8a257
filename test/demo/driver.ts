/**
 * A driver as a program of its own: drives the chains of a file until it is told to stop. Without
 * the file it has nothing to do: so the one that the supervisor starts with all else waits.
 */
import { existsSync, readFileSync } from "node:fs";
import { mapBounded } from "../../src/base/map_bounded.ts";
import { keepDriving, type Orders } from "./drive.ts";

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());

async function main(file: string): Promise<void> {
  const orders = JSON.parse(readFileSync(file, "utf8")) as Orders;
  const { chains } = orders;
  await mapBounded(chains, chains.length, (chain) => keepDriving(orders, chain, stop.signal));
}

// Nobody would tell it any more when who started it was killed.
const parent = process.ppid;
setInterval(() => process.ppid === parent || stop.abort(), 500).unref();

const file = process.argv[2] ?? "";
if (existsSync(file)) await main(file);
