/**
 * What `npm test` runs: every test once, and the suites of engine and protocol again in buckets, on
 * two real servers; with `HOLDALL_SLOW=1` on our own fake as well.
 */
import { defineConfig } from "vitest/config";
import { findServer, SERVERS } from "./test/support/servers.ts";

const SLOW = process.env.HOLDALL_SLOW === "1";
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

export default defineConfig({
  test: {
    projects: [
      { test: { name: "here", dir: "test" } },
      ...servers.map((server) => ({
        test: {
          name: server,
          dir: "test",
          include: IN_BUCKETS,
          provide: { server },
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // After all others, side by side: none of them measures time.
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
        },
      })),
    ],
  },
});
