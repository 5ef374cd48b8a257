/**
 * Every file operation of a whole backup fails, once and for ever: never silently, what was saved
 * before stays, and the next run works.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  backup,
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

const secret: Secret = { kind: "keyfile", bytes: Buffer.alloc(32, 7) };
const clock = { now: () => Date.now(), sleep: async () => undefined };
const runtime = { ...systemRuntime(), clock };

async function save(store: Store, source: string) {
  const repository = await openRepository(store, secret, runtime);
  const paths = [Buffer.from(source)];
  return backup(runtime, repository, { paths, host: "h", workers: 1, memory: 76, tool: "test" });
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
