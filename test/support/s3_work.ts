/**
 * A small life of a repository on the fake: each verb from the state that the one before it left,
 * with whatever faults, and then what must be true.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  backup,
  check,
  Failure,
  forget,
  hex,
  init,
  openRepository,
  prune,
  type Repository,
  type Runtime,
  restore,
  type Secret,
  type Store,
  systemRuntime,
} from "../../src/index.ts";
import { inMemory } from "./failing.ts";
import type { Bucket } from "./fake_bucket.ts";
import { type FakeS3, type Seen, startFake } from "./fake_s3.ts";
import { noise } from "./noise.ts";
import { NOW } from "./sourced.ts";

export const VERBS = ["init", "backup", "again", "forget", "prune", "check", "restore"] as const;
export type Verb = (typeof VERBS)[number];

/** A snapshot that was acknowledged, and the folder that it is of. */
interface Saved {
  readonly id: string;
  readonly folder: string;
}

interface State {
  readonly objects: Bucket["objects"];
  readonly saved: readonly Saved[];
}

export interface Ended {
  /** Null where the verb succeeded. */
  readonly failure: Error | null;
  readonly seen: readonly Seen[];
}

const secret: Secret = { kind: "keyfile", bytes: Buffer.alloc(32, 7) };
/** Objects of more bytes go in parts. */
const PART = 64 << 10;
/** What a verb that is run again may end with, because it had been done. */
const DONE: Partial<Record<Verb, string>> = { init: "repository_exists", forget: "no_snapshot" };

export interface Work extends Disposable {
  readonly fake: FakeS3;
  readonly runtime: Runtime;
  readonly folder: string;
  /** Milliseconds that the clock went forward instead of waiting. */
  slept: number;
  /** Before each verb. */
  readonly states: Map<Verb, State>;
  /** What each verb asks for without faults. */
  readonly golden: Map<Verb, readonly Seen[]>;
}

/** Lives that life once without faults. */
export async function openWork(): Promise<Work> {
  const place = inMemory();
  for (const [at, name] of ["a", "b"].entries()) {
    mkdirSync(join(place.path, name, "deep"), { recursive: true });
    writeFileSync(join(place.path, name, "large"), noise(at, 3 * PART));
    writeFileSync(join(place.path, name, "deep/small"), noise(at + 8, 1000));
  }
  const now = () => Date.now() + work.slept;
  const sleep = async (milliseconds: number) => {
    work.slept += Math.ceil(milliseconds);
  };
  const fake = await startFake({ now });
  const work: Work = {
    fake,
    runtime: { ...systemRuntime(), clock: { now, sleep } },
    folder: place.path,
    slept: 0,
    states: new Map(),
    golden: new Map(),
    [Symbol.dispose]() {
      fake[Symbol.dispose]();
      place[Symbol.dispose]();
    },
  };
  let saved: readonly Saved[] = [];
  for (const verb of VERBS) {
    work.states.set(verb, { objects: new Map(fake.bucket.objects), saved });
    fake.seen = [];
    saved = await act(work, verb, saved);
    work.golden.set(verb, fake.seen);
  }
  return work;
}

/**
 * Runs a verb from its state with faults, then again without. Throws when the second run does not
 * go on, when something acknowledged does not come back the same, or something else is wrong there.
 */
export async function trial(work: Work, verb: Verb, script: FakeS3["script"]): Promise<Ended> {
  const { fake } = work;
  const state = work.states.get(verb);
  if (state === undefined) throw new Error(`no state before ${verb}`);
  fake.bucket.objects = new Map(state.objects);
  fake.bucket.uploads.clear();
  fake.seen = [];
  fake.script = script;
  let { saved } = state;
  let failure: Error | null = null;
  try {
    saved = await act(work, verb, saved);
  } catch (error) {
    failure = error as Error;
  }
  const seen = [...fake.seen];
  fake.script = () => undefined;
  try {
    saved = await act(work, verb, saved);
  } catch (error) {
    if (!(error instanceof Failure && error.code === DONE[verb])) throw error;
    if (verb === "forget") saved = state.saved.slice(1);
  }
  await using store = open(work);
  const repository = await openRepository(store, secret, work.runtime);
  await sound(work, repository);
  for (const one of saved) await comesBack(work, repository, one);
  return { failure, seen };
}

/** A store as a new run opens it. */
const open = ({ fake, runtime }: Work) => fake.open({ runtime, single: PART, part: PART });

/** Does it, as a new run would; gives the snapshots that are acknowledged then. */
async function act(work: Work, verb: Verb, saved: readonly Saved[]): Promise<readonly Saved[]> {
  const { runtime } = work;
  await using store: Store & AsyncDisposable = open(work);
  if (verb === "init") {
    await init(runtime, store, secret);
    return [];
  }
  const repository = await openRepository(store, secret, runtime);
  if (verb === "backup" || verb === "again") {
    const folder = join(work.folder, verb === "backup" ? "a" : "b");
    const paths = [Buffer.from(folder)];
    const options = { paths, host: "h", workers: 1, memory: 76, tool: "test" };
    const { snapshot } = await backup(runtime, repository, options);
    return [...saved, { id: hex(snapshot.id), folder }];
  }
  const [first] = saved;
  if (verb === "forget" && first !== undefined) {
    await forget(runtime, repository, { snapshots: [first.id] });
    return saved.slice(1);
  }
  if (verb === "prune") await prune(runtime, repository, { ...NOW, maxUnused: 0 });
  if (verb === "check") await sound(work, repository);
  if (verb === "restore") for (const one of saved) await comesBack(work, repository, one);
  return saved;
}

async function sound({ runtime }: Work, repository: Repository): Promise<void> {
  const [problem] = (await check(runtime, repository, { read: 1 })).problems;
  if (problem) throw new Failure("damaged", `${problem.object}: ${problem.message}`);
}

async function comesBack({ runtime, folder }: Work, repository: Repository, saved: Saved) {
  const found = (await repository.snapshots()).snapshots.find((s) => hex(s.id) === saved.id);
  if (found === undefined) throw new Failure("no_snapshot", `${saved.id}: acknowledged, and gone`);
  const target = join(folder, "out");
  rmSync(target, { recursive: true, force: true });
  const options = { path: Buffer.from(saved.folder), target, workers: 1 };
  const { troubles } = await restore(runtime, repository, found, options);
  if (troubles > 0)
    throw new Failure("damaged", `${saved.id}: ${troubles} paths did not come back`);
  const names = readdirSync(saved.folder, { recursive: true, encoding: "utf8" }).sort();
  const back = readdirSync(target, { recursive: true, encoding: "utf8" }).sort();
  const bytes = (at: string) => (statSync(at).isFile() ? readFileSync(at) : Buffer.alloc(0));
  const same = (name: string) => bytes(join(saved.folder, name)).equals(bytes(join(target, name)));
  if (names.join() !== back.join() || !names.every(same)) {
    throw new Error(`${saved.id} came back with other bytes`);
  }
}
