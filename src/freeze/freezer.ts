/**
 * Makes paths stand still: a Freezer prepares, cuts, and yields a View that does not change.
 *
 * Every implementation promises, and `test/contract/freezer.ts` checks:
 * - `prepare` does all that takes time and refuses what cannot be cut, before anything stands;
 * - `cut` is short: what the View shows is what the paths held between its call and its return, if
 *   nothing wrote to them meanwhile;
 * - the View has every entry with its bytes and metadata, and nothing that is done to the paths
 *   afterwards changes it;
 * - `prove` fails when a path of the View is not the one that was asked for;
 * - disposing leaves nothing behind, of a View as of what was prepared and never cut.
 */
import type { Runtime } from "../base/runtime.ts";

/** What is to be cut: an absolute path without links in it; its folder exists. */
export type Source = string;

/** How a place stands still, best first. */
export const FREEZERS = ["btrfs", "reflink", "copy", "live"] as const;
export type FreezerKind = (typeof FREEZERS)[number];

export interface Freezer {
  readonly kind: FreezerKind;
  /** `mapped` are files that processes have mapped writable: their times say nothing. */
  prepare(
    runtime: Runtime,
    sources: readonly Source[],
    mapped: readonly Buffer[],
  ): Promise<Prepared>;
}

export interface Prepared extends AsyncDisposable {
  /** The snapshot call, once; `mapped` as they are now. What was prepared is the View's then. */
  cut(mapped: readonly Buffer[]): Promise<View>;
}

export interface View extends AsyncDisposable {
  /** How a source stands still. */
  kindOf(source: Source): FreezerKind;
  /** Whether all that it shows is of one moment; a live view is not. */
  readonly still: boolean;
  /** Where a source is to be read. */
  at(source: Source): string;
  /** Folders, and the ones that are to be read in their place. */
  readonly folders: readonly { readonly path: string; readonly view: string }[];
  /** Fails with `not_still` when the View is not one of what was asked for. */
  prove(): Promise<void>;
}
