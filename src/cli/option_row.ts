/** What a row of the verbs' table is made of, and the options that many verbs share. */

export interface OptionRow {
  /** `-l, --long` or `--to <folder>`: as people type it. */
  readonly flags: string;
  readonly about: string;
  /** May be given several times. */
  readonly many?: boolean;
  /** What the value is, for completion. */
  readonly completes?: "file" | "folder";
  readonly fallback?: string;
}

export interface Verb {
  /** Operands, after the verb's name. */
  readonly operands: string;
  readonly about: string;
  /** More paragraphs for help and man page. */
  readonly notes?: readonly string[];
  /** Words that the first operand can be. */
  readonly actions?: Readonly<Record<string, string>>;
  readonly examples: readonly string[];
  readonly options?: readonly OptionRow[];
  readonly completes?: "file" | "folder";
}

/** Which snapshots `latest` and times look at. */
export const SELECTION: readonly OptionRow[] = [
  { flags: "--host <name>", about: "latest and times look at this machine's snapshots only" },
  {
    flags: "--path <path>",
    about: "... at snapshots that saved this path only",
    completes: "file",
  },
  { flags: "--tag <tag>", about: "... at snapshots with this tag only", many: true },
];

export const GLOBAL_OPTIONS: readonly OptionRow[] = [
  {
    flags: "-r, --repository <place>",
    about: "folder, s3://BUCKET/PREFIX, or a name from the config file",
    completes: "folder",
  },
  { flags: "--passphrase-file <file>", about: "file with the passphrase", completes: "file" },
  { flags: "--passphrase-command <line>", about: "shell command that prints the passphrase" },
  { flags: "--keyfile <file>", about: "key file instead of a passphrase", completes: "file" },
  { flags: "--recovery-key-file <file>", about: "file with the recovery key", completes: "file" },
  { flags: "--json", about: "print JSON" },
  { flags: "-q, --quiet", about: "print results and errors only" },
  { flags: "--read-only", about: "refuse to write to the repository" },
  { flags: "--no-cache", about: "keep nothing between runs, and use nothing kept" },
  {
    flags: "--limit-upload <rate>",
    about: "most bytes a second to the store, such as 2M, or by the hour: '08-18 500k, 2M'",
  },
  { flags: "--limit-download <rate>", about: "most bytes a second from the store" },
];
