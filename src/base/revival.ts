/** What a restore tells, and that of an instance: from where to where, and what became of it. */

/** One absolute path that is kept in a link, or in a line of a file. */
export interface Pointer {
  /** The link or file. */
  readonly at: string;
  readonly from: string;
  readonly to: string;
}

export interface Revival {
  readonly from: string;
  readonly to: string;
  /** `service/unit`, each once. */
  readonly units: readonly string[];
  /** Files of secret units that were there, and are the snapshot's now. */
  readonly replaced: readonly string[];
  /** Absolute paths inside the state, as they are now. */
  readonly remapped: readonly Pointer[];
  /** What points, or was saved, outside the instance: left as it is. */
  readonly outside: readonly string[];
  /** Derived state that was not saved, with what makes it again. */
  readonly rebuild: readonly { readonly unit: string; readonly note: string }[];
  readonly started: readonly string[];
  /** Services that say of themselves no way to start. */
  readonly unstarted: readonly string[];
  /** Units that answer what was recorded of them at the backup. */
  readonly compared: readonly string[];
  /** Units of which something was recorded, and that were not asked. */
  readonly uncompared: readonly string[];
  /** Ports, sockets and names that somebody who runs has. */
  readonly clashes: readonly string[];
}

/** What came of a restore, in numbers. */
export interface RestoreResult {
  readonly entries: number;
  readonly bytes: number;
  /** Bytes that were not there already. */
  readonly written: number;
  readonly deleted: number;
  /** Stored bytes that were read, or would be, and in how many ranges of packs. */
  readonly fetched: number;
  readonly fetches: number;
  readonly troubles: number;
}

export interface RestoreFields extends RestoreResult {
  readonly snapshot: string;
  readonly dryRun: boolean;
  /** Of an instance only. */
  readonly instance?: Revival;
}
