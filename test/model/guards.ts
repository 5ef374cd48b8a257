/** Every guard, what stands in its place when it is left out, and a scene in which that is seen. */
import type { Stored } from "../../src/repo/protocol/records.ts";
import { RULES, type Rules } from "../../src/repo/protocol/rules.ts";
import type { Slips } from "./actor.ts";
import { type Scene, writer } from "./scenes.ts";

export interface Guard {
  readonly guard: string;
  readonly rules?: Partial<Rules>;
  readonly slips?: Slips;
  readonly scene: Scene;
  /** What goes wrong; liveness guards leave somebody stuck instead. */
  readonly breaks: "safety" | "liveness";
}

const race: Scene = { base: "a", writers: [writer("w0", "a")], prunes: [1], forgets: ["s0"] };
const rival: Scene = { base: "a", writers: [writer("w0", "a")], prunes: [1] };
const asleep: Scene = { base: "a", writers: [], prunes: [2, 1], early: true, late: true };
const fresh: Scene = { base: "a", writers: [writer("w0", "b")], prunes: [] };
const twice: Scene = { ...race, writers: [writer("w0", "a", { attempts: 2 })] };
const two: Scene = { base: "a", writers: [writer("w0", "a")], prunes: [1, 1] };
const many: Scene = { ...race, prunes: [2] };
const hides: Scene = { base: "a", writers: [], prunes: [1] };

const sweepWithout = (...steps: Rules["sweep"][number][]): Partial<Rules> => ({
  sweep: RULES.sweep.filter((s) => !steps.includes(s)),
});

const anyIntent = (claim: string, fences: readonly Stored[]) =>
  fences.some((f) => (f.type === "intent" || f.type === "fence") && f.claim === claim);

/** A withdrawal by anyone voids every intent on the claim. */
const anyWithdrawal = (claim: string, fences: readonly Stored[]) =>
  fences.some((f) => f.type === "fence" && f.claim === claim) ||
  (fences.some((f) => f.type === "intent" && f.claim === claim) &&
    !fences.some((f) => f.type === "withdrawn" && f.claim === claim));

const WRITER: Guard[] = [
  {
    ...{ guard: "condemned", breaks: "safety", scene: race },
    rules: { writer: RULES.writer.filter((s) => s !== "condemned") },
  },
  {
    ...{ guard: "condemned-first", breaks: "safety", scene: race },
    rules: {
      writer: ["claim", "pack", "condemned", "index", "upload", "snapshot", "test", "end"],
    },
  },
  {
    ...{ guard: "pack-listing", breaks: "safety", scene: race },
    rules: { relies: (view, pack) => !view.condemned.includes(pack) },
  },
  {
    ...{ guard: "cache", breaks: "safety", scene: { ...race, caches: true } },
    rules: { relies: () => true },
  },
  {
    ...{ guard: "claim-first", breaks: "safety", scene: race },
    rules: {
      writer: ["condemned", "pack", "index", "claim", "upload", "snapshot", "test", "end"],
    },
  },
  {
    ...{ guard: "fences-after-put", breaks: "safety", scene: race },
    rules: {
      writer: ["claim", "condemned", "pack", "index", "upload", "test", "snapshot", "end"],
    },
  },
  {
    ...{ guard: "leaves-first", breaks: "safety", scene: { ...fresh, retains: 1 } },
    rules: {
      writer: ["claim", "condemned", "pack", "index", "snapshot", "upload", "test", "end"],
    },
  },
  {
    ...{ guard: "list-again", breaks: "safety", scene: twice },
    slips: { keepListing: true },
  },
  {
    ...{ guard: "chunk-by-chunk", breaks: "safety" },
    scene: {
      ...{ base: "a", writers: [writer("w0", "a", { parent: "s0" })], prunes: [1] },
      forgotten: ["s0"],
    },
    slips: { wholeParent: true },
  },
  {
    ...{ guard: "one-snapshot", breaks: "safety", scene: { ...twice, forgets: ["s0", "w0.0s"] } },
    slips: { sameClaim: true },
  },
  {
    ...{ guard: "unknown-put", breaks: "safety" },
    scene: { ...twice, writers: [writer("w0", "a", { unknown: true })], retains: 1 },
    rules: { doubtful: () => "end" },
  },
  {
    ...{ guard: "fresh-names", breaks: "safety" },
    scene: { ...many, writers: [writer("w0", "a", { brings: "ab" })] },
    slips: { sameName: true },
  },
];

const SWEEP: Guard[] = [
  {
    ...{ guard: "wait", breaks: "safety", scene: race },
    rules: sweepWithout("fences", "intend", "look", "settle"),
  },
  { ...{ guard: "intent", breaks: "safety", scene: race }, rules: sweepWithout("intend") },
  { ...{ guard: "look", breaks: "safety", scene: race }, rules: sweepWithout("look") },
  { ...{ guard: "owner", breaks: "safety", scene: many }, rules: { fenced: anyWithdrawal } },
  {
    ...{ guard: "claims-first", breaks: "safety", scene: race },
    rules: {
      sweep: [
        ...(["condemned", "pack", "snapshots", "finals", "tombstones", "index"] as const),
        ...(["claims", "fences", "intend", "look", "settle"] as const),
        ...(["contents", "copy", "unlink", "remove", "release"] as const),
      ],
    },
  },
  {
    ...{ guard: "keepers-spared", breaks: "safety", scene: two },
    rules: { keeps: (view, pack, own) => view.packs.includes(pack) && !own.includes(pack) },
  },
  {
    ...{ guard: "keepers-listed", breaks: "safety", scene: two },
    rules: { keeps: (view, pack) => !view.condemned.includes(pack) },
  },
  {
    ...{ guard: "sweep-condemned-first", breaks: "safety", scene: two },
    rules: {
      sweep: [
        ...(["claims", "fences", "intend", "look", "settle", "pack", "condemned"] as const),
        ...RULES.sweep.slice(RULES.sweep.indexOf("snapshots")),
      ],
    },
  },
  {
    ...{ guard: "mark-again", breaks: "safety", scene: race },
    rules: { counted: (_seen, marked) => marked },
  },
  {
    ...{ guard: "keepers-indexed", breaks: "safety", scene: { ...rival, prunes: [1] } },
    slips: { unindexedKeepers: true },
  },
  { ...{ guard: "for-ever", breaks: "safety", scene: asleep }, slips: { pardon: true } },
  {
    ...{ guard: "copy-first", breaks: "safety", scene: rival },
    rules: {
      sweep: [
        ...RULES.sweep.slice(0, RULES.sweep.indexOf("copy")),
        ...(["unlink", "remove", "copy", "release"] as const),
      ],
    },
  },
  {
    ...{ guard: "own-contents", breaks: "safety", scene: { ...hides, late: true, prunes: [1, 1], compactions: 1 } },
    slips: { contentsByIndex: true },
  },
  {
    ...{ guard: "list-last", breaks: "safety", scene: race },
    rules: {
      sweep: [...RULES.sweep.filter((s) => s !== "remove" && s !== "release"), "release", "remove"],
    },
  },
  {
    ...{ guard: "marked", breaks: "safety" },
    scene: { ...hides, hidden: { snapshot: "s0", times: 9 } },
    rules: { expected: (_marked, seen) => seen.flatMap((s) => s.heads) },
  },
  {
    ...{ guard: "heads", breaks: "safety" },
    scene: { ...hides, second: "b", early: true, hidden: { snapshot: "s0", times: 9 } },
    rules: { expected: (marked) => marked },
  },
  {
    ...{ guard: "listed-twice", breaks: "safety" },
    scene: { ...hides, early: true, hidden: { snapshot: "s0", times: 1 } },
    rules: { sweep: RULES.sweep.filter((s, i, all) => s !== "snapshots" || all[i - 1] !== s) },
  },
];

const STUCK: Guard[] = [
  {
    ...{ guard: "final", breaks: "liveness", scene: race },
    rules: sweepWithout("settle"),
  },
  {
    ...{ guard: "root-first", breaks: "liveness", scene: { ...two, forgets: ["s0"] } },
    rules: { sweep: [...RULES.sweep.filter((s) => s !== "unlink" && s !== "release"), "unlink", "release"] },
  },
  {
    ...{ guard: "own-tombstones", breaks: "liveness", scene: { ...two, forgets: ["s0"] } },
    rules: { honoured: (_listed, seen) => seen },
  },
  {
    ...{ guard: "lost-stops", breaks: "liveness", scene: { ...two, forgets: ["s0"] } },
    slips: { goOnWhenLost: true },
  },
];

const OTHERS: Guard[] = [
  {
    ...{ guard: "run-first", breaks: "safety", scene: { ...hides, prunes: [], compactions: 1 } },
    rules: { compact: ["index", "pack", "confirm", "remove", "merge"] },
  },
  {
    ...{ guard: "gone-confirmed", breaks: "safety" },
    scene: { base: "a", writers: [writer("w0", "b")], prunes: [], compactions: 1 },
    rules: { compact: ["pack", "index", "merge", "remove"] },
  },
  {
    ...{ guard: "retention-test", breaks: "safety", scene: { ...rival, retains: 1 } },
    rules: { tested: () => true },
  },
  {
    ...{ guard: "final-only", breaks: "safety", scene: rival },
    rules: { ignored: (snapshot, fences) => anyIntent(snapshot.claim, fences) },
  },
];

export const GUARDS: readonly Guard[] = [...WRITER, ...SWEEP, ...STUCK, ...OTHERS];
