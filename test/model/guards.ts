/** Every guard, what stands in its place when it is left out, and a scene in which that is seen. */
import type { Stored } from "../../src/repo/protocol/records.ts";
import { RULES, type Rules } from "../../src/repo/protocol/rules.ts";
import type { Slips } from "./actor.ts";
import { writer } from "./scenes.ts";
import { once, type Scene } from "./stage.ts";

export interface Guard {
  readonly guard: string;
  /** What the protocol then does without. */
  readonly says: string;
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
    guard: "condemned",
    says: "a writer does not list condemned lists",
    breaks: "safety",
    scene: race,
    rules: { writer: RULES.writer.filter((s) => s !== "condemned") },
  },
  {
    guard: "condemned-first",
    says: "a writer lists packs before condemned lists",
    breaks: "safety",
    scene: race,
    rules: {
      writer: ["claim", "pack", "condemned", "index", "upload", "snapshot", "test", "end"],
    },
  },
  {
    guard: "pack-listing",
    says: "a writer believes the index about which packs there are",
    breaks: "safety",
    scene: race,
    rules: { relies: (view, pack) => !view.condemned.includes(pack) },
  },
  {
    guard: "cache",
    says: "a writer believes a cache that says a deleted pack is there",
    breaks: "safety",
    scene: { ...race, caches: true },
    rules: { relies: () => true },
  },
  {
    guard: "claim-first",
    says: "a writer lists before its claim is put",
    breaks: "safety",
    scene: race,
    rules: {
      writer: ["condemned", "pack", "index", "claim", "upload", "snapshot", "test", "end"],
    },
  },
  {
    guard: "fences-after-put",
    says: "a writer looks for fences before its snapshot is put",
    breaks: "safety",
    scene: race,
    rules: {
      writer: ["claim", "condemned", "pack", "index", "upload", "test", "snapshot", "end"],
    },
  },
  {
    guard: "leaves-first",
    says: "a snapshot is put before its packs",
    breaks: "safety",
    scene: { ...fresh, retains: 1 },
    rules: {
      writer: ["claim", "condemned", "pack", "index", "snapshot", "upload", "test", "end"],
    },
  },
  {
    guard: "list-again",
    says: "a fenced writer goes on, under a new claim, with what it had listed",
    breaks: "safety",
    scene: twice,
    slips: { keepListing: true },
  },
  {
    guard: "chunk-by-chunk",
    says: "a parent that is there is taken whole (prune during mark)",
    breaks: "safety",
    scene: {
      base: "a",
      writers: [writer("w0", "a", { parent: "s0" })],
      prunes: [1],
      forgotten: ["s0"],
    },
    slips: { wholeParent: true },
  },
  {
    guard: "one-snapshot",
    says: "a second snapshot is put under the same claim",
    breaks: "safety",
    scene: { ...twice, forgets: ["s0", "w0.0s"] },
    slips: { sameClaim: true },
  },
  {
    guard: "unknown-put",
    says: "a snapshot whose put was never answered ends its claim",
    breaks: "safety",
    scene: { ...twice, writers: [writer("w0", "a", { unknown: true })], retains: 1 },
    rules: { doubtful: () => "end" },
  },
  {
    guard: "fresh-names",
    says: "sync brings a pack back under its old name",
    breaks: "safety",
    scene: { ...many, writers: [writer("w0", "a", { brings: "ab" })] },
    slips: { sameName: true },
  },
];

const SWEEP: Guard[] = [
  {
    guard: "wait",
    says: "a sweep does not settle claims (a suspended writer wakes)",
    breaks: "safety",
    scene: race,
    rules: sweepWithout("fences", "intend", "look", "settle"),
  },
  {
    guard: "intent",
    says: "a claim is fenced without an intent before the look",
    breaks: "safety",
    scene: race,
    rules: sweepWithout("intend"),
  },
  {
    guard: "look",
    says: "a claim is fenced without a look for its snapshot",
    breaks: "safety",
    scene: race,
    rules: sweepWithout("look"),
  },
  {
    guard: "owner",
    says: "an intent is void once anybody withdrew",
    breaks: "safety",
    scene: many,
    rules: { fenced: anyWithdrawal },
  },
  {
    guard: "claims-first",
    says: "a sweep settles claims after it has listed",
    breaks: "safety",
    scene: race,
    rules: {
      sweep: [
        ...(["condemned", "pack", "snapshots", "finals", "tombstones", "index"] as const),
        ...(["claims", "fences", "intend", "look", "settle"] as const),
        ...(["contents", "copy", "unlink", "remove", "release"] as const),
      ],
    },
  },
  {
    guard: "keepers-spared",
    says: "a copy in a pack of another condemned list is enough (overlapping lists)",
    breaks: "safety",
    scene: two,
    rules: { keeps: (view, pack, own) => view.packs.includes(pack) && !own.includes(pack) },
  },
  {
    guard: "keepers-listed",
    says: "a sweep believes the index about which packs there are (a stale index in prune)",
    breaks: "safety",
    scene: two,
    rules: { keeps: (view, pack) => !view.condemned.includes(pack) },
  },
  {
    guard: "sweep-condemned-first",
    says: "a sweep lists packs before condemned lists",
    breaks: "safety",
    scene: two,
    rules: {
      sweep: [
        ...(["claims", "fences", "intend", "look", "settle", "pack", "condemned"] as const),
        ...RULES.sweep.slice(RULES.sweep.indexOf("snapshots")),
      ],
    },
  },
  {
    guard: "mark-again",
    says: "a sweep counts the snapshots its list marked, not those there are",
    breaks: "safety",
    scene: race,
    rules: { counted: (_seen, marked) => marked },
  },
  {
    guard: "keepers-indexed",
    says: "a copy in a pack that no run names is enough",
    breaks: "safety",
    scene: { ...rival, prunes: [1] },
    slips: { unindexedKeepers: true },
  },
  {
    guard: "for-ever",
    says: "a needed pack is pardoned instead of copied",
    breaks: "safety",
    scene: asleep,
    slips: { pardon: true },
  },
  {
    guard: "copy-first",
    says: "a pack goes before its copy is put",
    breaks: "safety",
    scene: rival,
    rules: {
      sweep: [
        ...RULES.sweep.slice(0, RULES.sweep.indexOf("copy")),
        ...(["unlink", "remove", "copy", "release"] as const),
      ],
    },
  },
  {
    says: "what a condemned pack holds is taken from the index",
    ...{
      guard: "own-contents",
      breaks: "safety",
      scene: { ...hides, late: true, prunes: [1, 1], compactions: 1 },
    },
    slips: { contentsByIndex: true },
  },
  {
    guard: "list-last",
    says: "a condemned list goes before its packs",
    breaks: "safety",
    scene: race,
    rules: {
      sweep: [...RULES.sweep.filter((s) => s !== "remove" && s !== "release"), "release", "remove"],
    },
  },
  {
    guard: "marked",
    says: "a sweep does not miss snapshots that its list marked (a short listing)",
    breaks: "safety",
    scene: { ...hides, hidden: { snapshot: "s0", times: 9 } },
    rules: { expected: (_marked, seen) => seen.flatMap((s) => s.heads) },
  },
  {
    guard: "heads",
    says: "a sweep does not miss snapshots that others name as heads (a short listing)",
    breaks: "safety",
    scene: { ...hides, second: "b", early: true, hidden: { snapshot: "s0", times: 9 } },
    rules: { expected: (marked) => marked },
  },
  {
    guard: "listed-twice",
    says: "snapshots are listed once (a short listing)",
    breaks: "safety",
    scene: { ...hides, early: true, hidden: { snapshot: "s0", times: 1 } },
    rules: { sweep: once(RULES.sweep) },
  },
];

const STUCK: Guard[] = [
  {
    guard: "final",
    says: "a sweep goes on after an intent without a final fence",
    breaks: "liveness",
    scene: race,
    rules: sweepWithout("settle"),
  },
  {
    guard: "root-first",
    says: "packs go before the forgotten snapshots that need them",
    breaks: "liveness",
    scene: { ...two, forgets: ["s0"] },
    rules: {
      sweep: [...RULES.sweep.filter((s) => s !== "unlink" && s !== "release"), "unlink", "release"],
    },
  },
];

const OTHERS: Guard[] = [
  {
    guard: "run-first",
    says: "compaction removes old runs before the new one is put",
    breaks: "safety",
    scene: { ...hides, prunes: [], compactions: 1 },
    rules: { compact: ["index", "pack", "confirm", "remove", "merge"] },
  },
  {
    guard: "gone-confirmed",
    says: "compaction drops rows for packs that an older listing did not show",
    breaks: "safety",
    scene: { base: "a", writers: [writer("w0", "b")], prunes: [], compactions: 1 },
    rules: { compact: ["pack", "index", "merge", "remove"] },
  },
  {
    guard: "retention-test",
    says: "retention counts a snapshot because it is there, whatever fences say",
    breaks: "safety",
    scene: { ...rival, retains: 1 },
    rules: { tested: () => true },
  },
  {
    guard: "final-only",
    says: "readers leave out a snapshot for an intent",
    breaks: "safety",
    scene: rival,
    rules: { ignored: (snapshot, fences) => anyIntent(snapshot.claim, fences) },
  },
];

export const GUARDS: readonly Guard[] = [...WRITER, ...SWEEP, ...STUCK, ...OTHERS];
