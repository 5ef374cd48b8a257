/**
 * Makes paths stand still: a Freezer prepares, cuts, and yields a View that does not change.
 *
 * Every implementation promises, and `test/contract/freezer.ts` checks:
 * - `prepare` does all that takes time and refuses what cannot be cut, before anything stands still;
 * - `cut` is short: what the View shows is what the paths held between its call and its return, if
 *   nothing wrote to them meanwhile;
 * - the View has every entry with its bytes and metadata, and nothing that is done to the paths
 *   afterwards changes it;
 * - `prove` fails when a path of the View is not the one that was asked for;
 * - disposing leaves nothing behind, of a View as of what was prepared and never cut.
 */
import type { Runtime } from "../base/runtime.ts";

/** What is to be cut: absolute paths that exist, none below another, without links in them. */
export interface Source {
  readonly path: string;
}

/** How a place stands still, best first. */
export const FREEZERS = ["btrfs", "reflink", "copy", "live"] as const;
export type FreezerKind = (typeof FREEZERS)[number];

export interface Freezer {
  readonly kind: FreezerKind;
  /** Where the View's bytes are kept; the caller shows it, and never saves it. */
  prepare(runtime: Runtime, sources: readonly Source[]): Promise<Prepared>;
}

export interface Prepared extends AsyncDisposable {
  /**
   * The snapshot call. `mapped` are files that processes have mapped writable: their times say
   * nothing of their bytes.
   */
  cut(mapped: readonly Buffer[]): Promise<View>;
}

export interface View extends AsyncDisposable {
  readonly kind: FreezerKind;
  /** Whether all that it shows is of one moment; a live view is not. */
  readonly still: boolean;
  /** Where a source is to be read. */
  at(path: string): string;
  /** Fails with `not_still` when the View is not one of what was asked for. */
  prove(): Promise<void>;
}
