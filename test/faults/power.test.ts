/**
 * Power loss at every moment of a sequence of puts, with every fate of what was not yet durable: no
 * torn object is ever shown, every acknowledged put is there; and without any one sync this is not
 * so.
 */
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { retry, type Store, systemRuntime } from "../../src/index.ts";
import type { Files } from "../../src/store/files.ts";
import { openFolderStore } from "../../src/store/fs.ts";
import { afterwards, type Fate, PowerModel } from "../support/power.ts";

const SEED = Number(process.env.SEED ?? 7);
/** Exhaustive up to so many states at one moment, then so many drawn from the seed. */
const MOST = process.env.SLOW ? 1 << 16 : 1 << 11;

const OBJECTS = ["packs/aa/x", "packs/aa/y", "packs/bb/z", "packs/aa/w", "snapshots/s"];
const SNAPSHOT = "snapshots/s";
const bytesOf = (name: string) => Buffer.from(`<${name.slice(-4)}>`);

async function put(model: PowerModel, store: Store, name: string): Promise<void> {
  await store.put(name, bytesOf(name));
  model.said(name);
}

/** Packs are put at the same time; a snapshot follows when they are durable. */
async function sequence(model: PowerModel, one: Store, two: Store): Promise<void> {
  const [x, y, z, w, s] = OBJECTS as [string, string, string, string, string];
  const packs = [put(model, one, x), put(model, two, w), put(model, one, y), put(model, one, z)];
  const results = await Promise.allSettled(packs);
  const failed = results.find((r) => r.status === "rejected");
  if (failed) throw failed.reason;
  await put(model, one, s);
}

const FATES: Record<"name" | "bytes", Fate[]> = {
  name: ["kept", "lost"],
  bytes: ["kept", "lost", "torn", "empty"],
};

/**
 * Every fate of every pending operation, or a sample: all lost, all kept, each one alone, random
 * ones.
 */
function* fates(model: PowerModel, moment: number): Generator<Map<number, Fate>> {
  const pending = model.pending(moment);
  const choices = pending.map((at) => FATES[model.isBytes(at) ? "bytes" : "name"]);
  const states = choices.reduce((n, c) => n * c.length, 1);
  const pick = (which: (i: number) => Fate) => new Map(pending.map((at, i) => [at, which(i)]));
  if (states <= MOST) {
    for (let state = 0; state < states; state++) {
      let rest = state;
      yield pick((i) => {
        const choice = choices[i] ?? [];
        const fate = choice[rest % choice.length] ?? "kept";
        rest = Math.floor(rest / choice.length);
        return fate;
      });
    }
    return;
  }
  for (const alone of [-1, ...pending.keys()]) {
    yield pick((i) => (i === alone ? "lost" : "kept"));
    yield pick((i) => (i === alone ? "kept" : "lost"));
  }
  let x = SEED + moment;
  for (let n = 0; n < MOST; n++) {
    yield pick((i) => {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      const choice = choices[i] ?? [];
      return choice[(x >>> 16) % choice.length] ?? "kept";
    });
  }
}

/** Looks at every crash; returns the states seen, or what the first bad one has lost. */
async function losses(model: PowerModel): Promise<{ states: number; lost: string | null }> {
  let states = 0;
  for (let moment = 1; moment <= model.log.length; moment++) {
    const said = model.saidBefore(moment);
    for (const fate of fates(model, moment)) {
      states++;
      const store = openFolderStore("/r", afterwards(model.crash(moment, fate)));
      const shown = new Set<string>();
      for await (const { name } of store.list("")) {
        shown.add(name);
        if (!OBJECTS.includes(name)) continue;
        const where = `${name} at operation ${moment}, seed ${SEED}`;
        if (!(await store.get(name)).equals(bytesOf(name)))
          return { states, lost: `torn: ${where}` };
      }
      const needed = OBJECTS.filter((name) => name !== SNAPSHOT && !shown.has(name));
      if (shown.has(SNAPSHOT) && needed.length > 0)
        return { states, lost: `${SNAPSHOT} without ${needed[0]} at operation ${moment}` };
      const gone = said.find((name) => !shown.has(name));
      if (gone) return { states, lost: `lost: ${gone} at operation ${moment}, seed ${SEED}` };
    }
  }
  return { states, lost: null };
}

/** The same by two processes that know nothing of each other. */
function together(model: PowerModel): Promise<void> {
  return sequence(model, openFolderStore("/r", model.files), openFolderStore("/r", model.files));
}

it("loses nothing acknowledged and shows nothing torn", { timeout: 120_000 }, async () => {
  const model = new PowerModel();
  await together(model);
  const { states, lost } = await losses(model);
  expect(lost).toBeNull();
  expect(states).toBeGreaterThan(10_000);
});

/** Which sync is left out, by the path that it is made on. */
const SYNCS: [string, (path: string) => boolean][] = [
  ["of a file", (path) => path.includes(".tmp-")],
  ["of the folder of the store's root", (path) => path === "/"],
  ["of the root", (path) => path === "/r"],
  ["of the folder of packs", (path) => path === "/r/packs"],
  ["of a pack's folder", (path) => path === "/r/packs/aa"],
  ["of the snapshots' folder", (path) => path === "/r/snapshots"],
];

it.each(SYNCS)("needs the sync %s", { timeout: 60_000 }, async (_name, left) => {
  const model = new PowerModel();
  let skipped = 0;
  model.onSync = (path) => {
    if (!left(path)) return "works";
    skipped++;
    return "nothing";
  };
  await together(model);
  expect(skipped).toBeGreaterThan(0);
  expect((await losses(model)).lost).not.toBeNull();
});

/** A sync that fails has dropped what it should have written; the next one knows nothing of it. */
it("never takes a repeated sync for a good one", { timeout: 120_000 }, async () => {
  const clock = { now: () => 0, sleep: async () => undefined };
  const patient = (model: PowerModel) => {
    const store = retry(openFolderStore("/r", model.files), { ...systemRuntime(), clock });
    return sequence(model, store, store);
  };
  let syncs = 0;
  const whole = new PowerModel();
  whole.onSync = () => (++syncs > 0 ? "works" : "nothing");
  await patient(whole);
  expect(syncs).toBeGreaterThan(10);
  for (let bad = 1; bad <= syncs; bad++) {
    const model = new PowerModel();
    let n = 0;
    model.onSync = () => (++n === bad ? "fails" : "works");
    await patient(model).catch(() => undefined);
    expect((await losses(model)).lost, `sync ${bad} failed`).toBeNull();
  }
});

/** A rule that the folder store once had: a folder that exists is durable. */
function trusting(files: Files): Files {
  const trusted = new Set<string>();
  return {
    ...files,
    async makeFolder(path) {
      const made = await files.makeFolder(path);
      if (!made) trusted.add(dirname(path));
      return made;
    },
    syncFolder: async (path) => {
      if (!trusted.delete(path)) await files.syncFolder(path);
    },
  };
}

/** What two writers lose that put into one new folder, by schedules of the seed. */
async function lostByTwo(wrap: (files: Files) => Files): Promise<(string | null)[]> {
  const lost: (string | null)[] = [];
  for (let schedule = 0; schedule < 48; schedule++) {
    const model = new PowerModel();
    // Mostly quick, and now and then so slow that the other writer gets to its end meanwhile.
    let x = SEED * 1000 + schedule;
    model.pace = () => {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      return (x >>> 16) % 4 === 0 ? 60 : 1;
    };
    const [one, two] = [0, 1].map(() => openFolderStore("/r", wrap(model.files)));
    if (one && two)
      await Promise.all([put(model, one, "packs/aa/x"), put(model, two, "packs/aa/w")]);
    lost.push((await losses(model)).lost);
  }
  return lost;
}

it("two writers into one new folder lose nothing", { timeout: 120_000 }, async () => {
  expect((await lostByTwo((files) => files)).filter((l) => l !== null)).toEqual([]);
});

it("would, were a folder that exists taken for durable", { timeout: 120_000 }, async () => {
  expect((await lostByTwo(trusting)).filter((l) => l !== null)).not.toEqual([]);
});

it("a snapshot that did not wait for its packs is found out", { timeout: 60_000 }, async () => {
  const model = new PowerModel();
  const store = openFolderStore("/r", model.files);
  const late: Promise<unknown>[] = [];
  const early: Store = {
    ...store,
    put: async (name, bytes) => {
      const put = store.put(name, bytes);
      if (name === SNAPSHOT) return put;
      late.push(put);
      return { durable: name };
    },
  };
  for (const name of OBJECTS) await early.put(name, bytesOf(name));
  await Promise.all(late);
  expect((await losses(model)).lost).toMatch(/^snapshots\/s without packs/);
});
