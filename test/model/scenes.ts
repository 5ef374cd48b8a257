/** What is explored: scenes small enough for every test run, large ones, and those only walked. */
import type { Scene } from "./stage.ts";
import type { WriterConfig } from "./writer-ahead.ts";

export const writer = (
  id: string,
  wants: string,
  more: Partial<WriterConfig> = {},
): WriterConfig => ({
  id,
  wants,
  attempts: 1,
  ...more,
});

const WRITERS = [["w0"], ["w1"]];
const PRUNES = [
  ["k0", "x0"],
  ["k1", "x1"],
];
const SWEEPS = [["x0"], ["x5"]];
const forgets = ["s0"];
const crashes = { attempts: 2, crashes: true };
const resumes = { attempts: 2, crashes: true, unknown: true };

/** A pack half used is repacked, and what is forgotten comes back. */
const MIXED = {
  base: "ab",
  prunes: [1, 1],
  forgotten: ["s0"],
  alike: [PRUNES],
  lean: true,
};

/** Explored on every `npm test`, in about a minute. */
export const SMALL: Record<string, Scene> = {
  "1 writer, 1 prune": { base: "a", writers: [writer("w0", "a")], prunes: [1], forgets },
  "2 writers, 1 prune": {
    base: "a",
    writers: [writer("w0", "a"), writer("w1", "a")],
    prunes: [1],
    forgets,
    alike: [WRITERS],
  },
  "1 writer, 2 prunes": {
    base: "a",
    writers: [writer("w0", "a")],
    prunes: [1, 1],
    forgets,
    alike: [PRUNES],
  },
  "2 sweeps of one list": {
    base: "a",
    writers: [writer("w0", "a")],
    prunes: [2],
    forgets,
    alike: [SWEEPS],
  },
  "a writer that crashes, resumes and doubts": {
    base: "a",
    writers: [writer("w0", "a", resumes)],
    prunes: [1],
    forgets,
  },
  undelete: {
    base: "a",
    writers: [writer("w0", "a", { undeletes: true })],
    prunes: [1],
    forgotten: ["s0"],
    compactions: 1,
  },
  "a pack half used": {
    base: "ab",
    writers: [writer("w0", "b")],
    prunes: [1],
    forgets,
  },
  "compaction and old caches": {
    base: "a",
    writers: [writer("w0", "a")],
    prunes: [1],
    forgets,
    compactions: 1,
    caches: true,
  },
  "retention acts on what may not be acknowledged": {
    base: "a",
    writers: [writer("w0", "b", { unknown: true })],
    prunes: [1],
    retains: 1,
  },
  "ended claims are removed": {
    base: "a",
    writers: [writer("w0", "a")],
    prunes: [1],
    forgets: ["s0", "w0.0s"],
    retires: 1,
  },
  "sync brings packs whole": {
    base: "a",
    writers: [writer("w0", "a", { brings: "ab" })],
    prunes: [1],
    forgets,
  },
  "a run put late": { base: "a", writers: [], prunes: [2, 1], early: true, late: true },
  "a short listing": {
    base: "a",
    writers: [writer("w0", "a")],
    prunes: [1],
    hidden: { snapshot: "s0", times: 9 },
  },
};

/** Explored on demand, by `npm run model`. */
export const LARGE: Record<string, Scene> = {
  "3 writers, 1 prune": {
    base: "a",
    prunes: [1],
    forgets,
    writers: [writer("w0", "a"), writer("w1", "a"), writer("w2", "a")],
    alike: [[["w0"], ["w1"], ["w2"]]],
  },
  "2 writers, 1 prune of 2 sweeps": {
    base: "a",
    writers: [writer("w0", "a"), writer("w1", "a")],
    prunes: [2],
    forgets,
    alike: [WRITERS, SWEEPS],
  },
  "2 writers that resume, 1 prune": {
    base: "a",
    prunes: [1],
    forgets,
    alike: [WRITERS],
    writers: [writer("w0", "a", resumes), writer("w1", "a", resumes)],
  },
  "a writer that resumes, 2 prunes": {
    base: "a",
    writers: [writer("w0", "a", resumes)],
    prunes: [1, 1],
    forgets,
    alike: [PRUNES],
  },
  "undelete beside a writer, 1 prune of 2 sweeps": {
    base: "a",
    prunes: [2],
    forgotten: ["s0"],
    alike: [SWEEPS],
    writers: [writer("w0", "a", { undeletes: true }), writer("w1", "a")],
  },
  "undelete, 2 prunes": {
    base: "a",
    writers: [writer("w0", "a", { undeletes: true })],
    prunes: [1, 1],
    forgotten: ["s0"],
    alike: [PRUNES],
  },
  "packs half used, 2 prunes": {
    base: "ab",
    writers: [writer("w0", "b")],
    prunes: [1, 1],
    forgets,
    alike: [PRUNES],
  },
  "2 compactions and old caches, 1 prune": {
    base: "a",
    writers: [writer("w0", "a")],
    prunes: [1],
    forgets,
    compactions: 2,
    caches: true,
  },
  "retention, a writer that resumes, 1 prune": {
    base: "a",
    writers: [writer("w0", "a", resumes)],
    prunes: [1],
    retains: 1,
  },
  "sync beside a writer, 1 prune of 2 sweeps": {
    base: "a",
    prunes: [2],
    forgets,
    alike: [SWEEPS],
    writers: [writer("w0", "a", { brings: "ab" }), writer("w1", "a")],
  },
  "half used, undelete beside one that resumes, 2 greedy prunes": {
    ...MIXED,
    writers: [writer("w0", "b", { undeletes: true }), writer("w1", "b", resumes)],
    greedy: true,
  },
  "half used, undelete beside one that crashes, 2 greedy prunes": {
    ...MIXED,
    writers: [writer("w0", "b", { undeletes: true }), writer("w1", "b", crashes)],
    greedy: true,
  },
  "half used, an undelete that resumes, 2 prunes": {
    ...MIXED,
    writers: [writer("w0", "b", { undeletes: true, ...resumes })],
  },
  "3 writers, 2 greedy prunes": {
    base: "a",
    writers: [writer("w0", "a"), writer("w1", "a"), writer("w2", "a")],
    prunes: [1, 1],
    forgotten: ["s0"],
    alike: [[["w0"], ["w1"], ["w2"]], PRUNES],
    lean: true,
    greedy: true,
  },
  "2 writers, 2 whole prunes": {
    base: "a",
    writers: [writer("w0", "a"), writer("w1", "a")],
    prunes: [1, 1],
    forgets,
    alike: [WRITERS, PRUNES],
  },
  "2 writers, 2 greedy prunes": {
    base: "a",
    writers: [writer("w0", "a"), writer("w1", "a")],
    prunes: [1, 1],
    forgotten: ["s0"],
    alike: [WRITERS, PRUNES],
    lean: true,
    greedy: true,
  },
  "2 writers, 2 prunes": {
    base: "a",
    writers: [writer("w0", "a"), writer("w1", "a")],
    prunes: [1, 1],
    forgotten: ["s0"],
    alike: [WRITERS, PRUNES],
    lean: true,
  },
};

/** Exhausted only where a machine has nothing else to do for hours: by their names alone. */
export const VAST: Record<string, Scene> = {
  "half used, undelete beside one that crashes, 2 prunes": {
    ...MIXED,
    writers: [writer("w0", "b", { undeletes: true }), writer("w1", "b", crashes)],
  },
  "3 writers, 2 prunes": {
    base: "a",
    writers: [writer("w0", "a"), writer("w1", "a"), writer("w2", "a")],
    prunes: [1, 1],
    forgotten: ["s0"],
    alike: [[["w0"], ["w1"], ["w2"]], PRUNES],
    lean: true,
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
  },
  "writer, undelete, sync, 2 prunes of 2 sweeps": {
    base: "ab",
    prunes: [2, 2],
    forgotten: ["s0"],
    compactions: 1,
    late: true,
    retires: 1,
    writers: [
      writer("w0", "ab", { undeletes: true }),
      writer("w1", "a", { brings: "ac", unknown: true }),
      writer("w2", "b"),
    ],
  },
};
