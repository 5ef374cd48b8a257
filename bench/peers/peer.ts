/** What the bench needs to know of a backup program: its command lines, as values. */

export type Command = readonly string[];

/** One backup that was made. */
export interface Saved {
  readonly source: string;
  /** How often this repository was saved to, from 1. */
  readonly count: number;
  /** What the backup command printed. */
  readonly printed: string;
}

/** Paths are absolute; `home` is a fresh folder, the peer's whole world for one round. */
export interface Peer {
  /** Column heading: the program and how it is set. */
  readonly name: string;
  readonly version: Command;
  readonly install: string;
  /** Set differently from the program's main column: `--quick` leaves it out. */
  readonly variant?: true;
  /** Data sets this column is limited to. */
  readonly only?: readonly string[];
  readonly env: (home: string) => NodeJS.ProcessEnv;
  readonly init: (home: string) => readonly Command[];
  readonly save: (home: string, source: string, count: number) => Command;
  /** Run in the empty folder `out`. The tree comes back in it, or below it by its full path. */
  readonly restore: (saved: Saved, out: string) => Command;
  /** Write one file, given relative to the source, to standard output. */
  readonly show: (saved: Saved, file: string) => Command;
  readonly list: Command;
}

/** Where every peer's repository is. */
export const repositoryOf = (home: string): string => `${home}/repository`;
