/** The census of processes that come and go while it looks. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { native } from "../../src/seam/native.ts";

const LOOKS = 400;

// Root may look at everybody who has no capability more: whom else it could not look at had ended.
it.runIf(process.getuid?.() === 0)(
  "tells of nobody who ended while it looked",
  async () => {
    const storm = "for i in 1 2 3 4; do (while :; do /bin/true; done) & done; wait";
    const child = spawn("/bin/sh", ["-c", storm], { detached: true, stdio: "ignore" });
    const unseen = new Map<number, string>();
    let short = 0;
    try {
      for (let look = 0; look < LOOKS; look++) {
        const all = native.census([]);
        short += all.filter(({ name }) => name === "true").length;
        for (const { pid, name, seen } of all) if (!seen) unseen.set(pid, name);
      }
    } finally {
      process.kill(-(child.pid ?? 0), "SIGKILL");
    }
    expect(short).toBeGreaterThan(0);
    const ended = [...unseen].filter(([pid]) => !existsSync(`/proc/${pid}`));
    expect(ended).toEqual([]);
  },
  60_000,
);
