/**
 * A source that changes without pause while it is read: files that grow, shrink, get holes and lose
 * them, are linked, replaced or removed. Each costs at most itself, and is told.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { check } from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { MAIN } from "../support/shim.ts";
import { differences, temporary } from "../support/tree.ts";

const PYTHON = join(import.meta.dirname, "../support/python");
const SEED = Number(process.env.SEED ?? 23);
/** Rounds of one backup and restore end after so many milliseconds; two are always made. */
const LONG = process.env.SLOW ? 120_000 : 12_000;

/** Until it is killed. */
const CHURN = `
import os, random, sys
from make import HOLE, KEEP_SIZE, allocate
r = random.Random(int(sys.argv[2])); os.chdir(sys.argv[1])
def some(): return "c%02d" % r.randrange(40)
while True:
    n = some()
    try:
        what = r.randrange(8)
        if what == 0: open(n, "ab").write(b"grown" * 9000)
        elif what == 1: os.truncate(n, r.randrange(200000))
        elif what == 2: os.remove(n)
        elif what == 3: os.rename(n, some())
        elif what == 4:
            with open(n, "r+b") as f: allocate(f.fileno(), HOLE | KEEP_SIZE, r.randrange(1 << 20), 1 << 18)
        elif what == 5:
            with open(n, "r+b") as f: f.seek(r.randrange(1 << 20)); f.write(r.randbytes(1 << 16))
        elif what == 6: os.link(n, some())
        else:
            with open(n, "wb") as f: f.seek(r.randrange(1 << 21)); f.write(r.randbytes(70000)); f.truncate(3 << 20)
    except FileExistsError: pass
    except FileNotFoundError: open(n, "wb").write(b"new" * 50000)
`;

it("files that change while they are read cost only themselves", { timeout: 240_000 }, async () => {
  using place = temporary();
  const at = (name: string) => join(place.path, name);
  const calm = at("source/calm");
  mkdirSync(calm, { recursive: true });
  for (let i = 0; i < 60; i++) writeFileSync(join(calm, `f${i}`), Buffer.alloc(50_000, `${i}`));
  for (let i = 0; i < 40; i++) {
    writeFileSync(at(`source/c${String(i).padStart(2, "0")}`), Buffer.alloc(1 << 20, i));
  }
  const { save, bring, runtime, open, secret } = await fixture(place.path);
  const env = { ...process.env, PYTHONPATH: PYTHON };
  const args = ["-c", CHURN, at("source"), String(SEED)];
  const churn = spawn("python3", args, { stdio: ["ignore", "ignore", "pipe"], env });
  let said = "";
  churn.stderr.on("data", (bytes: Buffer) => {
    said += bytes.toString("utf8");
  });
  const started = performance.now();
  let troubles = 0;
  try {
    for (let round = 0; round < 2 || performance.now() - started < LONG; round++) {
      const where = `round ${round} of seed ${SEED}`;
      const result = await save([at("source")], { force: round % 2 === 0 });
      troubles += result.troubles;
      const out = at(`out-${round}`);
      expect((await bring(result.snapshot, at("source"), out)).troubles, where).toBe(0);
      expect(differences(calm, join(out, "calm")), where).toEqual([]);
    }
    writeFileSync(at("key"), secret.bytes.toString("hex"));
    const told = spawnSync(
      process.execPath,
      [MAIN, "backup", "-r", at("repo"), "--no-cache", at("source")],
      { env: { ...process.env, HOLDALL_KEYFILE: at("key") }, encoding: "utf8" },
    );
    const some = /source\/c\d\d: .*(changed|not saved)/.test(told.stderr);
    expect(told.status, told.stderr).toBe(some ? 3 : 0);
  } finally {
    churn.kill("SIGKILL");
  }
  expect(said).toBe("");
  expect(troubles, `nothing changed in time, seed ${SEED}`).toBeGreaterThan(0);
  expect((await check(runtime, await open(), { read: 1 })).problems).toEqual([]);
});
