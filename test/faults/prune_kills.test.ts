/**
 * kill -9 before and after every system call by which forget, undelete and prune change a file
 * system: what is kept restores, the next run finishes the work, and space comes back.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  backup,
  check,
  forget,
  hex,
  init,
  openRepository,
  openStore,
  prune,
  restore,
  type Secret,
  systemRuntime,
  undelete,
} from "../../src/index.ts";
import { noise } from "../support/noise.ts";
import { compile, lacking } from "../support/shim.ts";
import { differences, temporary } from "../support/tree.ts";
import { type Killed, killEverywhere, type Place } from "../support/trials.ts";
import { witness } from "../support/witness.ts";

const runtime = systemRuntime();
const SECRET: Secret = { kind: "keyfile", bytes: Buffer.alloc(32, 0x5a) };
const KEY = SECRET.bytes.toString("hex");
const missing = lacking();
/** No writer is waited for. */
const NOW = { wait: 0, fenceAfter: 0, maxUnused: 0 };
const AT_ONCE = ["--wait", "0s", "--fence-after", "0s", "--max-unused", "0%"];
/** Killed after a call is killed before the next, all but once: few moments do, unless `SLOW`. */
const SLOW = process.env.SLOW !== undefined;
const STEP = SLOW ? 1 : 16;

interface Ground extends Place {
  readonly kept: string;
  /** Bytes of all packs when everything is done. */
  readonly least: number;
  readonly forgotten: string;
}

const copy = (from: string, to: string) => execFileSync("cp", ["-a", "--reflink=auto", from, to]);
const open = (own: string) => openRepository(openStore(join(own, "repo")), SECRET, runtime);

function save(own: string, path: string, tag: string) {
  const plan = { host: "test", tags: [tag], workers: 1, tool: "test" };
  return open(own).then((r) => backup(runtime, r, { paths: [Buffer.from(path)], ...plan }));
}

const files = (folder: string) =>
  (readdirSync(folder, { recursive: true, encoding: "utf8" }) as string[])
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
const packBytes = (own: string) =>
  files(join(own, "repo/packs")).reduce((n, path) => n + statSync(path).size, 0);

async function restores(own: string, tag: string, tree: string): Promise<void> {
  const repository = await open(own);
  const { snapshots } = await repository.snapshots();
  const found = snapshots.find((s) => s.section.tags.includes(tag));
  if (found === undefined) throw new Error(`snapshot ${tag} is not listed`);
  const target = join(own, `out-${tag}`);
  const options = { path: Buffer.from(tree), target, workers: 1 };
  expect((await restore(runtime, repository, found, options)).troubles).toBe(0);
  expect(differences(tree, target)).toEqual([]);
  rmSync(target, { recursive: true });
}

/** One more prune brings everything to where it would have come. */
async function finished({ kept, least }: Ground, own: string): Promise<void> {
  await restores(own, "kept", kept);
  await prune(runtime, await open(own), NOW);
  await restores(own, "kept", kept);
  expect(packBytes(own)).toBeLessThanOrEqual(least);
  // A killed put of a small record leaves a temporary name that says nothing, and stays.
  const left = (folder: string) =>
    readdirSync(join(own, "repo", folder)).filter((name) => !name.startsWith("."));
  expect([left("condemned"), left("snapshots").length]).toEqual([[], 1]);
  expect(files(join(own, "repo/packs")).filter((path) => path.includes(".tmp-"))).toEqual([]);
  expect((await check(runtime, await open(own), { read: 1 })).problems).toEqual([]);
  if (SLOW) witness(join(own, "repo"), KEY);
}

const PRUNE: Killed<Ground> = {
  name: "prune",
  least: 60,
  prepare: ({ path }, own) => copy(join(path, "forgotten"), join(own, "repo")),
  args: () => ["prune", ...AT_ONCE],
  verify: finished,
};

const RESUMED: Killed<Ground> = {
  ...PRUNE,
  name: "prune of what a prune left, and of a killed backup",
  prepare: ({ path }, own) => copy(join(path, "condemned"), join(own, "repo")),
};

const FORGET: Killed<Ground> = {
  name: "forget",
  least: 6,
  prepare: ({ path }, own) => copy(join(path, "whole"), join(own, "repo")),
  args: ({ forgotten }) => ["forget", forgotten],
  async verify(ground, own) {
    const { snapshots } = await (await open(own)).snapshots();
    const there = snapshots.some((s) => hex(s.id) === ground.forgotten);
    if (there) await forget(runtime, await open(own), { snapshots: [ground.forgotten] });
    await finished(ground, own);
  },
};

const UNDELETE: Killed<Ground> = {
  name: "undelete",
  least: 20,
  prepare: ({ path }, own) => copy(join(path, "condemned"), join(own, "repo")),
  args: ({ forgotten }) => ["undelete", forgotten],
  async verify({ kept, path, forgotten }, own) {
    const { snapshots } = await (await open(own)).snapshots();
    if (!snapshots.some((s) => hex(s.id) === forgotten)) {
      await undelete(runtime, await open(own), { snapshots: [forgotten], host: "test" });
    }
    await prune(runtime, await open(own), NOW);
    await restores(own, "kept", kept);
    await restores(own, "forgotten", join(path, "gone"));
    expect((await check(runtime, await open(own), { read: 1 })).problems).toEqual([]);
  },
};

/** Packs that are needed, half needed and not needed, of several backups. */
async function makeGround(path: string): Promise<Ground> {
  const [gone, kept] = [join(path, "gone"), join(path, "kept")];
  for (const tree of [gone, kept]) {
    mkdirSync(tree);
    for (const i of [1, 2]) writeFileSync(join(tree, `both${i}`), noise(i, 200_000));
  }
  for (const i of [3, 4, 5]) writeFileSync(join(gone, `only${i}`), noise(i, 300_000));
  writeFileSync(join(kept, "own"), noise(6, 100_000));
  writeFileSync(join(path, "key"), KEY);
  await init(runtime, openStore(join(path, "repo")), SECRET);
  const { snapshot } = await save(path, gone, "forgotten");
  await save(path, kept, "kept");
  copy(join(path, "repo"), join(path, "whole"));
  const forgotten = hex(snapshot.id);
  await forget(runtime, await open(path), { snapshots: [forgotten] });
  copy(join(path, "repo"), join(path, "forgotten"));
  const store = openStore(join(path, "repo"));
  // A prune that died as soon as its list was put.
  const dying = await openRepository(
    {
      ...store,
      list(prefix, signal) {
        if (prefix === "claims/" && readdirSync(join(path, "repo/condemned")).length > 0) {
          throw new Error("killed");
        }
        return store.list(prefix, signal);
      },
    },
    SECRET,
    runtime,
  ).then((repository) => repository);
  mkdirSync(join(path, "repo/condemned"), { recursive: true });
  await expect(prune(runtime, dying, NOW)).rejects.toThrow("killed");
  const [shard = ""] = readdirSync(join(path, "repo/packs"));
  const { claim } = snapshot;
  writeFileSync(join(path, "repo/packs", shard, `.tmp-${hex(claim)}-0123456789abcdef`), "left");
  copy(join(path, "repo"), join(path, "condemned"));
  await prune(runtime, await open(path), NOW);
  const least = packBytes(path);
  const made = { path, kept, forgotten, least: least + 65_536 };
  return { ...made, shim: compile(path) };
}

describe.skipIf(missing !== null)(`kill -9 at every call${missing ? ` (${missing})` : ""}`, () => {
  let ground: Ground;
  const place = temporary();
  beforeAll(async () => {
    ground = await makeGround(place.path);
  });
  afterAll(() => place[Symbol.dispose]());

  it.each(
    [PRUNE, RESUMED, FORGET, UNDELETE].flatMap((trial) =>
      (SLOW ? (["before", "after"] as const) : (["before"] as const)).map(
        (when) => [trial.name, when, trial] as const,
      ),
    ),
  )("%s, killed %s each", { timeout: 1_200_000 }, async (_, when, trial) => {
    const kills = await killEverywhere(trial, ground, when, STEP);
    expect((kills + 1) * STEP).toBeGreaterThanOrEqual(trial.least);
  });
});
