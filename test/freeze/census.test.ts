/** The census of processes that come and go while it looks. */
import { spawn } from "node:child_process";
import { expect, it } from "vitest";
import { native } from "../../src/seam/native.ts";

const LOOKS = 400;

// Root may look at everybody: whom it could not look at had ended.
it.runIf(process.getuid?.() === 0)(
  "tells of nobody who ended while it looked",
  async () => {
    const storm = "for i in 1 2 3 4; do (while :; do /bin/true; done) & done; wait";
    const child = spawn("/bin/sh", ["-c", storm], { detached: true, stdio: "ignore" });
    const unseen: string[] = [];
    let short = 0;
    try {
      for (let look = 0; look < LOOKS; look++) {
        const all = native.census([]);
        short += all.filter(({ name }) => name === "true").length;
        unseen.push(...all.filter(({ seen }) => !seen).map(({ pid, name }) => `${pid} ${name}`));
      }
    } finally {
      process.kill(-(child.pid ?? 0), "SIGKILL");
    }
    expect(short).toBeGreaterThan(0);
    expect(unseen).toEqual([]);
  },
  60_000,
);
