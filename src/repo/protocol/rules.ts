/**
 * The guards of the deletion protocol, each one small rule or one place in an order of steps.
 *
 * They are gathered in a value so that the model can take one away at a time and show what breaks;
 * everything else uses `RULES`. Each guard's counterexample: `npm run model -- --without GUARD`.
 */
import type { Kept, Stored } from "./records.ts";

export type WriterStep =
  | "claim"
  | "condemned"
  | "pack"
  | "index"
  | "upload"
  | "snapshot"
  | "test"
  | "end";

export type SweepStep =
  | "claims"
  | "fences"
  | "intend"
  | "look"
  | "settle"
  | "condemned"
  | "pack"
  | "snapshots"
  | "finals"
  | "tombstones"
  | "index"
  | "contents"
  | "copy"
  | "unlink"
  | "remove"
  | "release";

export type CompactStep = "index" | "pack" | "confirm" | "merge" | "remove";

export type ForgetStep = "snapshots" | "fences" | "choose" | "tombstone";

/** What was learned about packs: those listed, and those in any condemned list. */
export interface View {
  readonly packs: readonly string[];
  readonly condemned: readonly string[];
}

export interface Rules {
  readonly writer: readonly WriterStep[];
  readonly sweep: readonly SweepStep[];
  readonly compact: readonly CompactStep[];
  readonly forget: readonly ForgetStep[];
  /** Whether a writer may begin to rely on a pack. */
  relies(view: View, pack: string): boolean;
  /** Whether a copy in this pack lets a pack of the list `own` go. */
  keeps(view: View, pack: string, own: readonly string[]): boolean;
  /** A fence by anyone, or an intent that its own sweep has not taken back. */
  fenced(claim: string, fences: readonly Stored[]): boolean;
  /** A snapshot is a reason to act only when it was seen and its claim then had no fence. */
  tested(snapshot: Kept, fences: readonly Stored[]): boolean;
  /** Readers leave out a snapshot only for a final fence. */
  ignored(snapshot: Kept, fences: readonly Stored[]): boolean;
  /** What a writer does when it cannot know whether its snapshot was put. */
  doubtful(): "stop" | "end";
  /** The snapshots a sweep counts, of those it sees now and those its list marked. */
  counted(seen: readonly string[], marked: readonly string[]): readonly string[];
  /** Snapshots that must be seen or be forgotten, or the sweep stops. */
  expected(marked: readonly string[], seen: readonly Kept[]): readonly string[];
}

/**
 * A pack is there only when a listing says so, whatever an index or a cache says; and condemned is
 * for ever: such a pack is never relied on again, not even as a copy.
 */
function trusted(view: View, pack: string): boolean {
  return view.packs.includes(pack) && !view.condemned.includes(pack);
}

/** Only the sweep that put an intent can take it back. */
function fenced(claim: string, fences: readonly Stored[]): boolean {
  return fences.some(
    (f) =>
      (f.type === "fence" && f.claim === claim) ||
      (f.type === "intent" &&
        f.claim === claim &&
        !fences.some((w) => w.type === "withdrawn" && w.claim === claim && w.sweep === f.sweep)),
  );
}

export const RULES: Rules = {
  writer: ["claim", "condemned", "pack", "index", "upload", "snapshot", "test", "end"],
  sweep: [
    ...(["claims", "fences", "intend", "look", "settle"] as const),
    ...(["condemned", "pack", "snapshots", "snapshots", "finals", "tombstones", "index"] as const),
    ...(["contents", "copy", "unlink", "remove", "release"] as const),
  ],
  compact: ["index", "pack", "confirm", "merge", "remove"],
  forget: ["snapshots", "fences", "choose", "tombstone"],
  relies: trusted,
  keeps: trusted,
  fenced,
  tested: (snapshot, fences) => !fenced(snapshot.claim, fences),
  ignored: (snapshot, fences) =>
    fences.some((f) => f.type === "fence" && f.claim === snapshot.claim),
  doubtful: () => "stop",
  counted: (seen) => seen,
  expected: (marked, seen) => [...marked, ...seen.flatMap((s) => s.heads)],
};
