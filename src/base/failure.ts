/** The one error class. Its code, from a closed table, decides exit status and hint. */

const TABLE = {
  usage: [2, "see holdall --help"],
  source_unreadable: [3, "the rest was saved; the paths are listed above"],
  no_repository: [10, "make one with: holdall init"],
  repository_exists: [1, "choose another folder, or use the repository that is there"],
  newer_format: [11, "use a newer holdall"],
  invalid: [1, ""],
  damaged: [13, "run: holdall check --read"],
  missing_object: [13, "run: holdall check"],
  wrong_secret: [12, "check the passphrase, key file or recovery key"],
  no_secret: [12, "give --passphrase-file, --passphrase-command, --keyfile, or HOLDALL_PASSPHRASE"],
  kdf_too_expensive: [11, "the key slot may have been tampered with"],
  no_snapshot: [1, "list them with: holdall snapshots"],
  snapshots_unreadable: [13, "name a readable snapshot by its id"],
  disk_full: [1, "free some space; nothing that was saved before is affected"],
  read_only: [1, "make the repository writable, or leave out --read-only"],
  permission: [1, "check owner and mode"],
  object_exists: [1, ""],
  object_missing: [13, "run: holdall check"],
  store_io: [1, "check the store; the command can be repeated safely"],
  not_durable: [1, "check the disk; nothing that was saved before is affected"],
  command_failed: [1, "no snapshot was made"],
  interrupted: [130, "run the command again to continue"],
  internal: [1, "please report this"],
} as const satisfies Record<string, readonly [number, string]>;

export type FailureCode = keyof typeof TABLE;

export class Failure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "Failure";
    this.code = code;
  }

  /** The process exit status that this failure ends a command with. */
  get exit(): number {
    return TABLE[this.code][0];
  }

  /** What to do next; may be empty. */
  get hint(): string {
    return TABLE[this.code][1];
  }

  get retryable(): boolean {
    return this.code === "store_io";
  }
}

function isCode(text: string): text is FailureCode {
  return Object.hasOwn(TABLE, text);
}

/** Turns anything thrown into a `Failure`; the native core's errors read `code: message`. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const [, code, rest] = /^(\w+): (.*)$/s.exec(message) ?? [];
  if (code === "source") return new Failure("permission", rest ?? message, thrown);
  if (code !== undefined && isCode(code)) {
    if (rest?.includes("format version")) return new Failure("newer_format", rest, thrown);
    if (rest?.includes("above the ceiling")) return new Failure("kdf_too_expensive", rest, thrown);
    return new Failure(code, rest ?? message, thrown);
  }
  return new Failure("internal", message, thrown);
}
