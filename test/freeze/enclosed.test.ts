/** What encloses a program that tries a clone: where it can write, whom it is, and how it ends. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { countIn, difference } from "../../src/freeze/answers.ts";
import { listeners } from "../../src/freeze/clash.ts";
import { enclose } from "../../src/freeze/enclosed.ts";
import { until } from "../demo/supervisor.ts";
import { temporary } from "../support/tree.ts";

const NOBODY = 65_534;
const able =
  process.getuid?.() === 0 &&
  spawnSync("unshare", ["--net", "--pid", "--mount", "--fork", "true"]).status === 0;

/** A root with a clone in it, both nobody's, and the words before a program. */
function enclosed(privileged: boolean) {
  const place = temporary();
  const [root, clone] = [join(place.path, "root"), join(place.path, "root", "clone")];
  chmodSync(place.path, 0o711);
  for (const folder of [root, clone]) {
    mkdirSync(folder);
    chownSync(folder, NOBODY, NOBODY);
  }
  const owner = { uid: NOBODY, gid: NOBODY };
  const options = { root, guarded: [root, join(root, "none")], writable: clone, privileged };
  const { prefix } = enclose({ ...options, ...owner });
  const drop = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  const words = [...(privileged ? [] : drop), ...prefix];
  return { root, clone, words, [Symbol.dispose]: place[Symbol.dispose] };
}

describe.runIf(able).each([true, false])("a program, run by root: %s", (privileged) => {
  it("writes to the clone and not to the instance, has no network, and tells its end", () => {
    using e = enclosed(privileged);
    const [first = "", ...rest] = e.words;
    const script = `touch ${e.root}/x; touch ${e.clone}/y; id -u; cat /proc/net/dev | wc -l; exit 7`;
    const { status, stdout, stderr } = spawnSync(first, [...rest, "sh", "-c", script]);
    expect(stderr.toString()).toContain("Read-only file system");
    // Two lines of head, and the loopback, which is down.
    expect(stdout.toString().trim().split("\n")).toEqual([String(NOBODY), "3"]);
    expect(status).toBe(7);
    expect([existsSync(join(e.root, "x")), existsSync(join(e.clone, "y"))]).toEqual([false, true]);
  });

  it("ends with all that it has started when who runs it is killed", async () => {
    using e = enclosed(privileged);
    // A mark in the words: a folder of this test alone.
    const script = `sleep 1000 & echo ${e.clone}; sleep 1000`;
    const parent = spawn("sh", ["-c", '"$@" & wait', "sh", ...e.words, "sh", "-c", script]);
    const inside = () =>
      readdirSync("/proc").filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`echo ${e.clone}`);
        } catch {
          return false;
        }
      });
    await until("nothing runs", 20, async () => (inside().length > 2 ? true : null));
    await new Promise((done) => parent.stdout.once("data", done));
    parent.kill("SIGKILL");
    await until("somebody lives on", 20, async () => (inside().length === 0 ? true : null));
  }, 60_000);
});

describe("what a unit answers", () => {
  it("is a count where there is one: of several databases the sum", () => {
    expect(countIn('{"jsonrpc":"2.0","id":1,"result":12}')).toBe(12);
    expect(countIn("OK\nOK\n5\nOK\n7")).toBe(12);
    expect(() => countIn("OK")).toThrow('answered "OK", which is no count');
  });

  it("differs by count or by digest, of what both have", () => {
    const unit = { service: "a", id: "b" } as never;
    const of = (count: number | null, digest: string | null) => ({ count, digest });
    expect(difference(unit, of(1, "x"), of(1, "x"))).toBeNull();
    expect(difference(unit, of(1, null), of(null, "x"))).toBeNull();
    expect(difference(unit, of(1, "x"), of(2, "x"))).toBe(
      "a/b: the snapshot recorded a count of 1, the restored service has 2",
    );
    expect(difference(unit, of(1, "x"), of(1, "y"))).toContain("recorded the digest x");
  });
});

it("knows who listens from who is connected", () => {
  const line = (local: string, state: string, inode: number) =>
    `  0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  0  0 ${inode} 1 0`;
  const text = [
    "  sl  local_address ...",
    line("0100007F:1538", "0A", 77),
    line("0:1539", "01", 8),
  ];
  expect([...listeners([text.join("\n")])]).toEqual([[5432, "77"]]);
});
