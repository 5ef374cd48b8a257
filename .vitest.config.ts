/**
 * What `npm test` runs: every test once, and the suites of engine and protocol again in buckets, on
 * two real servers; with `HOLDALL_SLOW=1` on our own fake as well.
 *
 * First those that stop processes and wait for them, one file at a time: the machine's other work is
 * in their pauses and deadlines. Then all others, two at a time.
 */
import { defineConfig } from "vitest/config";
import { findServer, SERVERS } from "./test/support/servers.ts";

const SLOW = process.env.HOLDALL_SLOW === "1";

const ALONE = ["demo", "freeze", "schedules", "trials"].map((folder) => `${folder}/*.test.ts`);

/** Test files of engine, protocol and command: all of them that are about a repository. */
const IN_BUCKETS = [
  // Trees of every kind take a minute each: those two are about sources.
  SLOW ? "verbs/!(compare|doctor).test.ts" : "verbs/!(compare|doctor|dump|posix).test.ts",
  "repo/cache.test.ts",
  "support/where.test.ts",
  "cli/!(progress|secret|verify|words).test.ts",
  "sync/afar.test.ts",
  "sync/faults.test.ts",
];

const found = SERVERS.filter((kind) => {
  const server = findServer(kind);
  if ("missing" in server) console.error(`skipped: ${server.missing}`);
  return "path" in server;
});
const servers = SLOW ? [...found, "fake" as const] : found;

const TOGETHER = {
  dir: "test",
  testTimeout: 60_000,
  hookTimeout: 60_000,
  sequence: { groupOrder: 1 },
  maxWorkers: 2,
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: "alone", dir: "test", include: ALONE } },
      { test: { ...TOGETHER, name: "here", exclude: ALONE } },
      ...servers.map((server) => ({
        test: { ...TOGETHER, name: server, include: IN_BUCKETS, provide: { server } },
      })),
    ],
  },
});
