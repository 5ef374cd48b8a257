/**
 * kill -9 before and after every system call that changes a file system, of init, backup, restore
 * and key: what was acknowledged restores, and the next run does what the first did not.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addKey,
  backup,
  check,
  init,
  listKeys,
  openRepository,
  openStore,
  type Repository,
  removeKey,
  replaceKey,
  restore,
  type Secret,
  selectSnapshot,
  systemRuntime,
  toFailure,
} from "../../src/index.ts";
import {
  compile,
  countNames,
  lacking,
  type Moment,
  STRACE,
  straceCounts,
} from "../support/shim.ts";
import { differences, temporary } from "../support/tree.ts";
import { type Killed, killEverywhere, type Place, run } from "../support/trials.ts";

const runtime = systemRuntime();
const OLD: Secret = { kind: "keyfile", bytes: Buffer.alloc(32, 0x5a) };
const NEW: Secret = { kind: "keyfile", bytes: Buffer.alloc(32, 0x6b) };
const missing = lacking();

/** What all trials start from: two states of a source, a repository that holds the first. */
interface Ground extends Place {
  readonly first: string;
  readonly second: string;
  /** Id of the slot that the new secret has in the copy of the repository that knows it. */
  readonly newSlot: string;
}

type Trial = Killed<Ground>;

const copy = (from: string, to: string) => execFileSync("cp", ["-a", "--reflink=auto", from, to]);

async function open(own: string, secret = OLD, cache?: string): Promise<Repository> {
  const warnings: string[] = [];
  const watch = systemRuntime({ emit: (e) => warnings.push(JSON.stringify(e)) });
  const options = cache === undefined ? {} : { cache };
  const repository = await openRepository(openStore(join(own, "repo")), secret, watch, options);
  expect(warnings, "opening is quiet").toEqual([]);
  return repository;
}

function save(repository: Repository, path: string, tag: string) {
  const paths = [Buffer.from(path)];
  const plan = { paths, host: "test", tags: [tag], workers: 1, memory: 76, tool: "test" };
  return backup(runtime, repository, plan);
}

/** The tagged snapshot is there and restores to the tree it was made of. */
async function holds(
  own: string,
  tag: string,
  tree: string,
  saved: string,
  opened?: Repository,
): Promise<void> {
  const repository = opened ?? (await open(own));
  const { snapshots, unreadable } = await repository.snapshots();
  expect(unreadable).toEqual([]);
  const found = snapshots.filter((s) => s.section.tags.includes(tag)).at(-1);
  if (found === undefined) throw new Error(`snapshot ${tag} is not listed`);
  const target = join(own, `out-${tag}`);
  const options = { path: Buffer.from(saved), target, workers: 1 };
  expect((await restore(runtime, repository, found, options)).troubles).toBe(0);
  expect(differences(tree, target)).toEqual([]);
}

const INIT: Trial = {
  name: "init",
  least: 40,
  prepare: () => undefined,
  args: () => ["init"],
  async verify({ second }, own) {
    // Either there is no repository, and init makes it; or there is, and init says so.
    const store = openStore(join(own, "repo"));
    const before = await openRepository(store, OLD, runtime).then(
      () => "usable",
      (error: unknown) => toFailure(error).code,
    );
    expect(["usable", "no_repository"]).toContain(before);
    const again = await init(runtime, store, OLD).then(
      () => "made",
      (error: unknown) => toFailure(error).code,
    );
    expect(again).toBe(before === "usable" ? "repository_exists" : "made");
    await save(await open(own), second, "after");
    await holds(own, "after", second, second);
  },
};

const BACKUP: Trial = {
  name: "backup",
  least: 30,
  prepare: ({ path }, own) => copy(join(path, "repo"), join(own, "repo")),
  args: ({ second }) => ["backup", second, "--host", "test", "--tag", "second", "--json"],
  async verify({ first, second }, own, ending) {
    await holds(own, "first", first, first);
    const { snapshots } = await (await open(own)).snapshots();
    // Said to be saved is saved; the other way round, a record may be there that nobody was told
    // of.
    const listed = snapshots.some((s) => s.section.tags.includes("second"));
    if (/"event":"snapshot"/.test(ending.out)) expect(listed).toBe(true);
    if (listed) await holds(own, "second", second, second);
    await save(await open(own), second, "next");
    await holds(own, "next", second, second);
    expect((await check(runtime, await open(own), { read: 1 })).problems).toEqual([]);
  },
};

async function finished({ first }: Ground, own: string): Promise<void> {
  const repository = await open(own);
  const snapshot = selectSnapshot(await repository.snapshots(), "latest", 0);
  const options = { path: Buffer.from(first), target: join(own, "target"), workers: 1 };
  const result = await restore(runtime, repository, snapshot, { ...options, delete: true });
  expect(result.troubles).toBe(0);
  expect(differences(first, options.target)).toEqual([]);
}

const RESTORE: Trial = {
  name: "restore into an empty place",
  least: 30,
  prepare: ({ path }, own) => copy(join(path, "repo"), join(own, "repo")),
  args: ({ first }, own) => ["restore", `latest:${first}`, "--to", join(own, "target")],
  verify: finished,
};

const IN_PLACE: Trial = {
  name: "restore over another state",
  least: 30,
  prepare({ path, second }, own) {
    copy(join(path, "repo"), join(own, "repo"));
    copy(second, join(own, "target"));
  },
  args: (ground, own) => [...RESTORE.args(ground, own), "--delete"],
  verify: finished,
};

/** What a kill tore in the cache, and what was torn besides, is never believed. */
const CACHED: Trial = {
  ...BACKUP,
  name: "backup with a cache",
  cached: true,
  async verify(ground, own, ending) {
    const cache = join(own, "cache");
    await BACKUP.verify(ground, own, ending);
    const plain = (await (await open(own)).index()).index.chunks;
    const through = async () => (await (await open(own, OLD, cache)).index()).index.chunks;
    expect(await through()).toBe(plain);
    const names = existsSync(cache)
      ? readdirSync(cache, { recursive: true, encoding: "utf8" })
      : [];
    const files = names.map((n) => join(cache, n)).filter((path) => statSync(path).isFile());
    for (const [i, path] of files.entries()) {
      truncateSync(path, Math.max(0, statSync(path).size - 1 - i));
    }
    expect(await through()).toBe(plain);
    const { second } = ground;
    await holds(own, "next", second, second, await open(own, OLD, cache));
  },
};

const refused = (own: string, secret: Secret) =>
  open(own, secret).then(
    () => false,
    (error: unknown) => toFailure(error).code === "wrong_secret",
  );

const REMOVE: Trial = {
  name: "key remove",
  least: 6,
  prepare: ({ path }, own) => copy(join(path, "two"), join(own, "repo")),
  args: ({ newSlot }) => ["key", "remove", newSlot],
  async verify({ first, newSlot }, own, ending) {
    await holds(own, "first", first, first);
    if (ending.status === 0) expect(await refused(own, NEW)).toBe(true);
    const repository = await open(own);
    const row = (await listKeys(repository)).find(({ id }) => id === newSlot);
    expect(await refused(own, NEW)).toBe(row?.retired);
    if (!row?.retired) await removeKey(repository, newSlot);
    expect(await refused(own, NEW)).toBe(true);
    await holds(own, "first", first, first);
  },
};

const REPLACE: Trial = {
  name: "key passphrase",
  least: 12,
  prepare: ({ path }, own) => copy(join(path, "repo"), join(own, "repo")),
  args: ({ path }) => ["key", "passphrase", "--new-keyfile", join(path, "new-key")],
  async verify({ first }, own, ending) {
    const old = !(await refused(own, OLD));
    if (ending.status === 0) expect(old).toBe(false);
    // At any moment one of the two opens it; the old one until the new one does.
    if (old) await replaceKey(runtime, await open(own), NEW);
    expect(await refused(own, OLD)).toBe(true);
    await holds(own, "first", first, first, await open(own, NEW));
  },
};

const KEY: Trial = {
  name: "key add",
  least: 6,
  prepare: ({ path }, own) => copy(join(path, "repo"), join(own, "repo")),
  args: ({ path }) => ["key", "add", "--new-keyfile", join(path, "new-key")],
  async verify({ first }, own) {
    await holds(own, "first", first, first);
    await addKey(runtime, await open(own), NEW);
    await open(own, NEW);
  },
};

/**
 * A tree small enough for hundreds of runs, with an entry of every kind that has calls of its own.
 */
function makeSource(root: string): void {
  const script = `
import os, sys
os.makedirs(os.path.join(sys.argv[1], "dir/empty")); os.chdir(sys.argv[1])
def put(name, data): open(name, "wb").write(data)
put("text", b"a line\\n" * 3000); put("dir/linked", b"x" * 5000); put("none", b""); put("kept", b"k" * 9000)
put("random", bytes((i * i * 31 + i // 7) % 251 for i in range(70000)))
os.link("dir/linked", "other-name"); os.symlink("text", "link"); os.mkfifo("pipe")
with open("sparse", "wb") as f: f.seek(1 << 20); f.write(b"end"); f.truncate(2 << 20)
os.setxattr("text", "user.note", b"n"); os.chmod("text", 0o640); os.utime("text", ns=(5, 7))
`;
  execFileSync("python3", ["-c", script, root]);
}

function change(root: string): void {
  const script = `
import os, sys
os.chdir(sys.argv[1])
with open("random", "r+b") as f: f.seek(40000); f.write(b"changed")
with open("sparse", "r+b") as f: f.write(b"no hole")
os.remove("none"); os.mkdir("none"); os.remove("link"); open("link", "w").write("was a link")
os.remove("other-name"); open("other-name", "w").write("own now"); os.remove("pipe")
with open("text", "ab") as f: f.write(b"longer" * 9000)
os.setxattr("text", "user.note", b"m"); os.setxattr("kept", "user.extra", b"e"); open("new", "w").write("new")
os.rmdir("none")
`;
  execFileSync("python3", ["-c", script, root]);
}

async function makeGround(path: string): Promise<Ground> {
  const [first, second] = [join(path, "first"), join(path, "second")];
  makeSource(first);
  copy(first, second);
  change(second);
  writeFileSync(join(path, "key"), OLD.bytes.toString("hex"));
  writeFileSync(join(path, "new-key"), NEW.bytes.toString("hex"));
  await init(runtime, openStore(join(path, "repo")), OLD);
  await save(await open(path), first, "first");
  copy(join(path, "repo"), join(path, "two"));
  const two = await openRepository(openStore(join(path, "two")), OLD, runtime);
  const newSlot = await addKey(runtime, two, NEW);
  return { path, first, second, newSlot, shim: compile(path) };
}

/**
 * Killed after a call is killed before the next one, all but once, and a cache changes little of a
 * backup: of these every so many moments serve, unless `SLOW`.
 */
function stepOf(trial: Trial, when: Moment["when"]): number {
  if (process.env.SLOW) return 1;
  return (when === "after" ? 6 : 1) * (trial.cached ? 4 : 1);
}

describe.skipIf(missing !== null)(`kill -9 at every call${missing ? ` (${missing})` : ""}`, () => {
  let ground: Ground;
  const place = temporary();
  beforeAll(async () => {
    ground = await makeGround(place.path);
  });
  afterAll(() => place[Symbol.dispose]());

  describe.each([INIT, BACKUP, CACHED, RESTORE, IN_PLACE, KEY, REMOVE, REPLACE])(
    "$name",
    (trial) => {
      it("makes no change that the shim does not see", { timeout: 60_000 }, async () => {
        const log = join(ground.path, "strace.log");
        const { own, ending } = await run(trial, ground, "traced", undefined, [
          ...STRACE,
          "-o",
          log,
        ]);
        expect(ending.status, ending.err).toBe(0);
        const seen = countNames(ending.calls);
        expect(seen).toEqual(straceCounts(readFileSync(log, "utf8")));
        expect(ending.calls.length).toBeGreaterThanOrEqual(trial.least);
        execFileSync("rm", ["-rf", own]);
      });

      it.each(["before", "after"] as const)(
        "loses nothing when killed %s each",
        {
          timeout: 600_000,
        },
        async (when) => {
          const kills = await killEverywhere(trial, ground, when, stepOf(trial, when));
          expect((kills + 1) * stepOf(trial, when)).toBeGreaterThanOrEqual(trial.least);
        },
      );
    },
  );
});
