/** What a backup of an instance tells of its barrier: whom it stops, how it stood, what is left. */
import type { Across, Inside } from "./state.ts";

/** How an instance stood still: milliseconds, and milliseconds since 1970. */
export interface Stood {
  readonly at: number;
  readonly milliseconds: number;
  readonly processes: number;
  /** By service, from its stop to the last that went on. */
  readonly services: Readonly<Record<string, number>>;
  readonly worst: { readonly unit: string } & LevelFields;
}

interface LevelFields {
  readonly inside: Inside;
  readonly across: Across;
  readonly why: string;
}

/** Whom a barrier stops, in order; nobody when somebody is in the way. */
export interface BarrierFields {
  readonly waves: readonly {
    readonly services: readonly string[];
    /** Units that are flushed or drained before. */
    readonly handovers: readonly string[];
    readonly processes: readonly string[];
  }[];
  /** Services that go on: their engines copy all that is saved of them. */
  readonly spared: readonly string[];
  readonly refusals: readonly string[];
  /** Milliseconds. */
  readonly maxPause: number;
  readonly predicted: number;
}

/** What was left of barriers that nobody ended, and was set right. */
export interface ThawEvent {
  readonly event: "thaw";
  readonly barriers: number;
  readonly busy: number;
  readonly thawed: number;
  readonly undone: number;
  readonly failed: readonly string[];
}

/** What of a cut came up on a clone of it before its snapshot was made, and what was not tried. */
export interface Verified {
  readonly units: readonly string[];
  readonly not: readonly { readonly unit: string; readonly why: string }[];
}
