/**
 * Every file operation of a whole backup fails, once and for ever: never silently, what was saved
 * before stays, and the next run works. And sources that change while they are read.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  backup,
  check,
  init,
  openRepository,
  openStore,
  restore,
  retry,
  type Secret,
  type Store,
  systemRuntime,
  toFailure,
} from "../../src/index.ts";
import { openFolderStore } from "../../src/store/fs.ts";
import { type Fault, failing, inMemory } from "../support/failing.ts";
import { fixture } from "../support/library.ts";
import { differences, temporary } from "../support/tree.ts";

const secret: Secret = { kind: "keyfile", bytes: Buffer.alloc(32, 7) };
const clock = { now: () => Date.now(), sleep: async () => undefined };
const runtime = { ...systemRuntime(), clock };

async function save(store: Store, source: string) {
  const repository = await openRepository(store, secret, runtime);
  const paths = [Buffer.from(source)];
  return backup(runtime, repository, { paths, host: "h", workers: 1, memory: 72, tool: "test" });
}

async function brings(repo: string, id: Buffer, source: string, target: string): Promise<void> {
  const repository = await openRepository(openStore(repo), secret, runtime);
  const { snapshots, unreadable } = await repository.snapshots();
  expect(unreadable).toEqual([]);
  const found = snapshots.find((s) => s.id.equals(id));
  if (found === undefined) throw new Error("an acknowledged snapshot is gone");
  const options = { path: Buffer.from(source), target, workers: 1 };
  expect((await restore(runtime, repository, found, options)).troubles).toBe(0);
}

function sameFiles(a: string, b: string): boolean {
  const names = readdirSync(a).sort();
  const same = (name: string) => readFileSync(join(a, name)).equals(readFileSync(join(b, name)));
  return names.join() === readdirSync(b).sort().join() && names.every(same);
}

/** Packs go through the store's reading, too, not past it by their path. */
function through(repo: string, fault: Fault) {
  const { files, calls } = failing(fault);
  return { calls, store: retry({ ...openFolderStore(repo, files), folder: null }, runtime) };
}

const CODES = [
  ["ENOSPC", ["disk_full"]],
  ["EIO", ["store_io", "not_durable"]],
] as const;

/** One trial: the fault, what it must end with, and what must be there afterwards. */
async function trial(folder: string, golden: string, source: string, first: Buffer, fault: Fault) {
  const [repo, target] = [join(folder, "repo"), join(folder, "out")];
  execFileSync("rm", ["-rf", repo, target]);
  execFileSync("cp", ["-a", golden, repo]);
  const { store, calls } = through(repo, fault);
  const outcome = await save(store, source).catch((error: unknown) => toFailure(error));
  const where = `${fault.code} at call ${fault.at} (${calls[fault.at - 1]}), ${fault.forEver}`;
  if (!(outcome instanceof Error)) {
    expect(outcome.troubles, where).toBe(0);
    await brings(repo, outcome.snapshot.id, source, target);
  }
  await brings(repo, first, source, join(folder, "first"));
  const next = await save(openStore(repo), source);
  await brings(repo, next.snapshot.id, source, target);
  expect(sameFiles(source, target), where).toBe(true);
  return { reached: calls.length >= fault.at, outcome, where };
}

/** Every call with `SLOW`; otherwise every fifth, from a first one that the seed chooses. */
const STEP = process.env.SLOW ? 1 : 5;
const FIRST = 1 + (Number(process.env.SEED ?? Date.now()) % STEP);

describe.each(CODES)("%s at every call of a backup", (code, expected) => {
  const options = { timeout: 240_000 };
  it.each([false, true])("is never silent (for ever: %s)", options, async (forEver) => {
    using place = inMemory();
    const [golden, source] = [join(place.path, "golden"), join(place.path, "source")];
    mkdirSync(source);
    writeFileSync(join(source, "kept"), Buffer.alloc(90_000, "kept"));
    await init(runtime, openStore(golden), secret);
    const first = (await save(openStore(golden), source)).snapshot.id;
    writeFileSync(join(source, "new"), "new\n".repeat(2000));
    let failures = 0;
    for (let at = FIRST; ; at += STEP) {
      const fault = { at, code, forEver };
      const { reached, outcome, where } = await trial(place.path, golden, source, first, fault);
      if (!reached) break;
      if (!(outcome instanceof Error)) continue;
      failures++;
      expect(expected, `${where}: ${outcome.stack}`).toContain(outcome.code);
    }
    expect(failures).toBeGreaterThan((forEver ? 60 : 5) / STEP);
  });
});

/** Grows, shrinks, replaces and removes files without pause, until it is killed. */
const CHURN = `
import os, random, sys
r = random.Random(int(sys.argv[2])); os.chdir(sys.argv[1])
while True:
    n = "c%02d" % r.randrange(40)
    try:
        what = r.randrange(5)
        if what == 0: open(n, "ab").write(b"grown" * 9000)
        elif what == 1: os.truncate(n, r.randrange(200000))
        elif what == 2: os.remove(n)
        elif what == 3: os.rename(n, "c%02d" % r.randrange(40))
        else:
            with open(n, "wb") as f: f.seek(r.randrange(1 << 21)); f.write(r.randbytes(70000)); f.truncate(3 << 20)
    except FileNotFoundError: open(n, "wb").write(b"new" * 50000)
`;

it("files that change, vanish, grow and shrink cost only themselves", {
  timeout: 120_000,
}, async () => {
  using place = temporary();
  const [source, calm] = [join(place.path, "source"), join(place.path, "source", "calm")];
  mkdirSync(calm, { recursive: true });
  for (let i = 0; i < 60; i++) writeFileSync(join(calm, `f${i}`), Buffer.alloc(50_000, `${i}`));
  for (let i = 0; i < 40; i++) {
    const name = `c${String(i).padStart(2, "0")}`;
    writeFileSync(join(source, name), Buffer.alloc(1 << 20, i));
  }
  const { save, bring, runtime, open } = await fixture(place.path);
  const seed = Number(process.env.SEED ?? Date.now() % 100_000);
  const churn = spawn("python3", ["-c", CHURN, source, String(seed)], { stdio: "ignore" });
  let troubles = 0;
  try {
    for (let round = 0; round < 6; round++) {
      const result = await save([source], { force: round % 2 === 0 });
      troubles += result.troubles;
      const out = join(place.path, `out-${round}`);
      const back = await bring(result.snapshot, source, out);
      expect(back.troubles, `round ${round} of seed ${seed}`).toBe(0);
      expect(differences(calm, join(out, "calm")), `round ${round} of seed ${seed}`).toEqual([]);
    }
  } finally {
    churn.kill("SIGKILL");
  }
  expect(troubles, `nothing changed in time, seed ${seed}`).toBeGreaterThan(0);
  expect((await check(runtime, await open(), { read: 1 })).problems).toEqual([]);
});
