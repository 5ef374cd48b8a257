/**
 * What is explored: each scene is a small repository and the processes that meet in it.
 *
 * Every scene begins with snapshot s0, whose chunks lie in pack p0 under run r0.
 */
import type { Kept, Stored } from "../../src/repo/protocol/records.ts";
import { RULES, type Rules } from "../../src/repo/protocol/rules.ts";
import type { Actor, Slips } from "./actor.ts";
import { putting, rowsFor } from "./actor.ts";
import { compactActor, forgetActor, lateActor, retainActor, retireActor } from "./keepers.ts";
import { condemnActor, sweepActor } from "./prunes.ts";
import type { SetUp } from "./world.ts";
import { snapshotOf, WriterActor, type WriterConfig } from "./writers.ts";

export interface Scene {
  /** Chunks of s0. */
  readonly base: string;
  readonly writers: readonly WriterConfig[];
  /** For each condemned list, how many sweeps of it there are. */
  readonly prunes: readonly number[];
  /** Forgets by name; `forgotten` snapshots have their tombstone at the start. */
  readonly forgets?: readonly string[];
  readonly forgotten?: readonly string[];
  readonly retains?: number;
  readonly compactions?: number;
  /** Processes that remove ended claims. */
  readonly retires?: number;
  readonly caches?: boolean;
  readonly hidden?: SetUp["hidden"];
  /**
   * Less to explore and no fewer ways to lose: snapshots are listed once, for long (what two
   * listings show together, one that runs as long can show), and a list marks nothing (marks can
   * only stop a sweep).
   */
  readonly lean?: boolean;
  readonly room?: SetUp["room"];
  readonly alike?: SetUp["alike"];
  /** A second snapshot at the start, s1, in its own pack p1, that names s0 as a head. */
  readonly second?: string;
  /** A pack p1 with the chunks of s0 whose run r1 is put late, by a writer long fenced. */
  readonly late?: boolean;
  /** A condemned list at the start, of p0, that counted nothing (`k0`). */
  readonly early?: boolean;
}

type Process = SetUp["processes"][number];

function bulk(pack: string, run: string, chunks: string): SetUp["objects"] {
  return [
    { kind: "pack", name: pack, content: chunks, record: { type: "pack", name: pack } },
    {
      ...{ kind: "index", name: run, content: rowsFor(chunks, pack) },
      record: { type: "run", name: run },
    },
  ];
}

/** Without listing snapshots a second time. */
export function once(sweep: Rules["sweep"]): Rules["sweep"] {
  return sweep.filter((s, i) => s !== "snapshots" || sweep[i - 1] !== s);
}

function object(record: Stored): SetUp["objects"][number] {
  const todo = putting(record);
  if (todo.do !== "put") throw new Error("a record is put");
  return todo;
}

export function setUp(scene: Scene, given: Rules = RULES, slips: Slips = {}): SetUp {
  const lean = { sweep: once(given.sweep), expected: () => [] };
  const rules = scene.lean ? { ...given, ...lean } : given;
  const snapshots = new Map<string, Kept & { refs: string }>();
  const first: Kept = { type: "snapshot", name: "s0", claim: "c0", heads: [] };
  snapshots.set("s0", { ...first, refs: scene.base });
  const second: Kept = { type: "snapshot", name: "s1", claim: "c1", heads: ["s0"] };
  if (scene.second) snapshots.set("s1", { ...second, refs: scene.second });
  for (const w of scene.writers) {
    for (let n = 0; n < w.attempts; n++) {
      const kept = snapshotOf(w, n);
      snapshots.set(kept.name, { ...kept, refs: w.wants });
    }
  }
  const refs = (name: string) => snapshots.get(name)?.refs ?? "";
  const early: Stored = {
    type: "condemned",
    name: "k0",
    packs: ["p0"],
    marked: [],
    tombstones: [],
  };
  const objects = [
    object(first),
    ...bulk("p0", "r0", scene.base),
    ...(scene.second ? [object(second), ...bulk("p1", "r1", scene.second)] : []),
    ...(scene.late ? bulk("p1", "r1", scene.base).slice(0, 1) : []),
    ...(scene.early ? [object(early)] : []),
    ...(scene.forgotten ?? []).map((snapshot) => object({ type: "tombstone", snapshot })),
  ];
  const acked = ["s0", ...(scene.second ? ["s1"] : [])];
  const processes: Process[] = [];
  const add = (name: string, actor: Actor) => processes.push({ name, actor });
  for (const w of scene.writers) add(`writer ${w.id}`, new WriterActor(w, rules, slips));
  scene.prunes.forEach((sweeps, k) => {
    if (!(scene.early && k === 0)) add(`prune k${k}`, condemnActor(`k${k}`, scene.lean));
    for (let n = 0; n < sweeps; n++) {
      const id = `x${k + 5 * n}`;
      add(`sweep ${id}`, sweepActor(id, `k${k}`, refs, rules, slips));
    }
  });
  if (scene.late) add("late writer", lateActor(rowsFor(scene.base, "p1")));
  for (const name of scene.forgets ?? []) add(`forget ${name}`, forgetActor(name));
  for (let n = 0; n < (scene.retains ?? 0); n++) add(`retention ${n}`, retainActor(rules));
  for (let n = 0; n < (scene.compactions ?? 0); n++) {
    add(`compaction ${n}`, compactActor(`m${n}`, rules));
  }
  for (let n = 0; n < (scene.retires ?? 0); n++) add(`retirement ${n}`, retireActor());
  const { caches = false, hidden, room, alike } = scene;
  return {
    ...{ processes, objects, acked, snapshots, rules, caches },
    ...(hidden && { hidden }),
    ...(room && { room }),
    ...(alike && { alike }),
  };
}

export const writer = (
  id: string,
  wants: string,
  more: Partial<WriterConfig> = {},
): WriterConfig => ({
  ...{ id, wants, attempts: 1 },
  ...more,
});

const WRITERS = [["w0"], ["w1"]];
const PRUNES = [
  ["k0", "x0"],
  ["k1", "x1"],
];
const SWEEPS = [["x0"], ["x5"]];
const forgets = ["s0"];
const resumes = { attempts: 2, crashes: true, unknown: true };

/** Explored on every `npm test`, in about a minute. */
export const SMALL: Record<string, Scene> = {
  "1 writer, 1 prune": { base: "a", writers: [writer("w0", "a")], prunes: [1], forgets },
  "2 writers, 1 prune": {
    ...{ base: "a", writers: [writer("w0", "a"), writer("w1", "a")], prunes: [1], forgets },
    alike: [WRITERS],
  },
  "1 writer, 2 prunes": {
    ...{ base: "a", writers: [writer("w0", "a")], prunes: [1, 1], forgets },
    ...{ alike: [PRUNES], room: [4, 4, 2] },
  },
  "2 sweeps of one list": {
    ...{ base: "a", writers: [writer("w0", "a")], prunes: [2], forgets },
    ...{ alike: [SWEEPS], room: [4, 4, 1] },
  },
  "a writer that crashes, resumes and doubts": {
    ...{ base: "a", writers: [writer("w0", "a", resumes)], prunes: [1], forgets },
  },
  undelete: {
    ...{ base: "a", writers: [writer("w0", "a", { undeletes: true })], prunes: [1] },
    ...{ forgotten: ["s0"], compactions: 1 },
  },
  "a pack half used": {
    ...{ base: "ab", writers: [writer("w0", "b")], prunes: [1], forgets },
  },
  "compaction and old caches": {
    ...{ base: "a", writers: [writer("w0", "a")], prunes: [1], forgets },
    ...{ compactions: 1, caches: true },
  },
  "retention acts on what may not be acknowledged": {
    ...{ base: "a", writers: [writer("w0", "b", { unknown: true })], prunes: [1], retains: 1 },
  },
  "ended claims are removed": {
    ...{ base: "a", writers: [writer("w0", "a")], prunes: [1], forgets: ["s0", "w0.0s"] },
    retires: 1,
  },
  "sync brings packs whole": {
    ...{ base: "a", writers: [writer("w0", "a", { brings: "ab" })], prunes: [1], forgets },
  },
  "a run put late": { base: "a", writers: [], prunes: [2, 1], early: true, late: true },
  "a short listing": {
    ...{ base: "a", writers: [writer("w0", "a")], prunes: [1] },
    hidden: { snapshot: "s0", times: 9 },
  },
};

/** Explored on demand, by `npm run model`. */
export const LARGE: Record<string, Scene> = {
  "3 writers, 1 prune": {
    ...{ base: "a", prunes: [1], forgets, room: [5, 5, 1] },
    writers: [writer("w0", "a"), writer("w1", "a"), writer("w2", "a")],
    alike: [[["w0"], ["w1"], ["w2"]]],
  },
  "2 writers, 1 prune of 2 sweeps": {
    ...{ base: "a", writers: [writer("w0", "a"), writer("w1", "a")], prunes: [2], forgets },
    ...{ alike: [WRITERS, SWEEPS], room: [5, 5, 1] },
  },
  "2 writers that resume, 1 prune": {
    ...{ base: "a", prunes: [1], forgets, room: [6, 6, 1], alike: [WRITERS] },
    writers: [writer("w0", "a", resumes), writer("w1", "a", resumes)],
  },
  "a writer that resumes, 2 prunes": {
    ...{ base: "a", writers: [writer("w0", "a", resumes)], prunes: [1, 1], forgets },
    ...{ alike: [PRUNES], room: [5, 5, 2] },
  },
  "undelete beside a writer, 1 prune of 2 sweeps": {
    ...{ base: "a", prunes: [2], forgotten: ["s0"], room: [6, 6, 1], alike: [SWEEPS] },
    writers: [writer("w0", "a", { undeletes: true }), writer("w1", "a")],
  },
  "undelete, 2 prunes": {
    ...{ base: "a", writers: [writer("w0", "a", { undeletes: true })], prunes: [1, 1] },
    ...{ forgotten: ["s0"], alike: [PRUNES], room: [4, 4, 2] },
  },
  "packs half used, 2 prunes": {
    ...{ base: "ab", writers: [writer("w0", "b")], prunes: [1, 1], forgets },
    ...{ alike: [PRUNES], room: [4, 4, 2] },
  },
  "2 compactions and old caches, 1 prune": {
    ...{ base: "a", writers: [writer("w0", "a")], prunes: [1], forgets },
    ...{ compactions: 2, caches: true, room: [4, 6, 1] },
  },
  "retention, a writer that resumes, 1 prune": {
    ...{ base: "a", writers: [writer("w0", "a", resumes)], prunes: [1], retains: 1 },
    room: [4, 4, 1],
  },
  "sync beside a writer, 1 prune of 2 sweeps": {
    ...{ base: "a", prunes: [2], forgets, room: [5, 5, 1], alike: [SWEEPS] },
    writers: [writer("w0", "a", { brings: "ab" }), writer("w1", "a")],
  },
  "2 writers, 2 prunes": {
    ...{ base: "a", writers: [writer("w0", "a"), writer("w1", "a")], prunes: [1, 1], forgets },
    ...{ alike: [WRITERS, PRUNES], room: [5, 5, 2], lean: true },
  },
};

/** Too large to exhaust: walked at random. */
export const WIDE: Record<string, Scene> = {
  "3 writers that resume, 2 prunes, retention, compaction": {
    ...{
      base: "ab",
      prunes: [1, 1],
      forgets,
      retains: 1,
      compactions: 1,
      caches: true,
      retires: 1,
    },
    writers: [writer("w0", "a", resumes), writer("w1", "b", resumes), writer("w2", "ac", resumes)],
    room: [12, 12, 2],
  },
  "writer, undelete, sync, 2 prunes of 2 sweeps": {
    ...{ base: "ab", prunes: [2, 2], forgotten: ["s0"], compactions: 1, late: true, retires: 1 },
    writers: [
      writer("w0", "ab", { undeletes: true }),
      writer("w1", "a", { brings: "ac", unknown: true }),
      writer("w2", "b"),
    ],
    room: [12, 12, 2],
  },
};
