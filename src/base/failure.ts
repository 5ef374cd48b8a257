/**
 * The one error class. Its code, from a closed table, decides exit status, hint and repetition.
 *
 * The native core throws `code: message` with codes of this table; nothing is guessed from texts.
 */

/** What the exit statuses of the command mean; help, man page and README print this table. */
export const EXIT_STATUS: readonly (readonly [number, string])[] = [
  [0, "everything asked for was done and is durable"],
  [1, "it failed"],
  [2, "the command line, the environment or the config file is wrong"],
  [3, "part was not done: paths, snapshots or packs were let be; the rest was"],
  [10, "there is no repository"],
  [11, "the repository needs a newer holdall, or asks for too much"],
  [12, "the secret is missing or wrong"],
  [13, "something stored is damaged or missing"],
  [20, "a descriptor is wrong, or does not fit the instance"],
  [21, "the instance holds bytes that no descriptor claims, or that two claim"],
  [22, "the instance cannot stand still, or did not; no snapshot was made"],
  [23, "a unit would be saved in a lower level than was required"],
  [24, "a restored service is not up, is not well, or has not what was recorded"],
  [25, "a unit did not come up on a clone of the cut; no snapshot was made"],
  [26, "an engine did not copy a unit of its own; no snapshot was made"],
  [130, "interrupted"],
];

/** Code: exit status, hint with the next step, and whether repeating can help. */
const TABLE = {
  usage: [2, "see: holdall help", false],
  config: [2, "see the chapter FILES of: holdall man", false],
  invalid: [1, "correct what was asked for and try again", false],
  source_unreadable: [1, "check that the paths exist and can be read; nothing was saved", false],
  source_io: [1, "check the path and the file system that it lies on", false],
  no_repository: [10, "check the place, or make a repository there with: holdall init", false],
  repository_exists: [1, "choose another place, or use the repository that is there", false],
  newer_format: [11, "use a newer holdall", false],
  kdf_too_expensive: [11, "the slot may have been tampered with; use another secret", false],
  damaged: [13, "see what is hit with: holdall check --read", false],
  missing_object: [13, "see what is hit with: holdall check", false],
  wrong_secret: [12, "check the passphrase, key file or recovery key", false],
  no_secret: [12, "give HOLDALL_PASSPHRASE_FILE or another secret; see: holdall man", false],
  no_snapshot: [1, "list the snapshots with: holdall snapshots", false],
  no_entry: [1, "look around with: holdall ls SNAPSHOT:/FOLDER", false],
  snapshots_unreadable: [13, "name a readable snapshot by its id", false],
  disk_full: [1, "free some space; nothing that was saved before is affected", false],
  read_only: [1, "open it without --read-only, on a store that can be written", false],
  permission: [1, "check owner and mode, or run as the user who may", false],
  object_exists: [1, "run the command again", false],
  object_missing: [13, "see what is hit with: holdall check", false],
  store_io: [1, "check the store; the command can be repeated safely", true],
  store_down: [1, "run the command again when the store answers; what was stored is used", false],
  store_answer: [1, "see what answers there: another server, a proxy, a login page", false],
  store_refused: [1, "see what this store can and what it is set to; holdall needs little", false],
  store_place: [2, "correct the address, the region or the endpoint; see: holdall man", false],
  credentials: [1, "check the store's access key, its secret and what it may do", false],
  clock_off: [1, "set this machine's clock and run the command again", false],
  certificate: [1, "check the endpoint's name; NODE_EXTRA_CA_CERTS adds an authority", false],
  retained: [1, "run the command again after that time; nothing was removed", false],
  not_durable: [1, "check the disk; nothing that was saved before is affected", false],
  too_expensive: [1, "allow more with --max-cost, or choose less to copy", false],
  last_way: [1, "add another secret first with: holdall key add", false],
  fenced: [1, "a prune did not wait for this writer; run the command again", false],
  claims_open: [1, "run it again when those writers have ended, or see --fence-after", false],
  command_failed: [1, "no snapshot was made; see what the command said", false],
  descriptor: [20, "correct the descriptor; see what is where with: holdall inventory", false],
  unclaimed: [21, "declare these bytes in the instance's holdall.toml", false],
  not_still: [22, "see who would be stopped with: holdall backup --instance ROOT --dry-run", false],
  not_started: [24, "its state is restored; see what the service says, and start it again", false],
  not_captured: [26, "see the unit's capture in its descriptor, and what its engine says", false],
  not_recovered: [24, "see to what it says, and run the restore again: it goes on", false],
  differs: [24, "its state is restored; see what the service says before it is used", false],
  clash: [1, "end what is in the way, or bring the state back alone with: --no-start", false],
  not_verified: [
    25,
    "see what its engine says; without --verify the cut is saved all the same",
    false,
  ],
  no_freezer: [22, "let holdall choose, or take another with --freezer", false],
  below_required: [23, "see each unit's level with: holdall inventory", false],
  interrupted: [130, "run the command again; what was stored is used", false],
  internal: [1, "please report this, with HOLDALL_DEBUG=1 set", false],
} as const satisfies Record<string, readonly [number, string, boolean]>;

export type FailureCode = keyof typeof TABLE;

/** Every code. */
export const FAILURE_CODES = Object.keys(TABLE) as FailureCode[];

/** What every function of the library fails with. The message is one line and names the object. */
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

  /** What to do next. */
  get hint(): string {
    return TABLE[this.code][1];
  }

  /** Whether the same call may succeed when it is repeated. */
  get retryable(): boolean {
    return TABLE[this.code][2];
  }
}

/** Codes of system calls that mean something of their own; every other is `source_io`. */
const ERRNO: Record<string, FailureCode> = {
  EACCES: "permission",
  EPERM: "permission",
  ENOSPC: "disk_full",
  EDQUOT: "disk_full",
  EROFS: "read_only",
};

function isCode(text: string): text is FailureCode {
  return Object.hasOwn(TABLE, text);
}

/** Turns anything thrown into a `Failure`. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  if (!(thrown instanceof Error)) return fromCore(String(thrown), thrown);
  if (thrown.name === "AbortError") return new Failure("interrupted", "interrupted", thrown);
  const { syscall, code = "", path } = thrown as NodeJS.ErrnoException;
  if (syscall === undefined) return fromCore(thrown.message, thrown);
  const reason = thrown.message.replace(/^\w+: /, "").split(",")[0];
  return new Failure(ERRNO[code] ?? "source_io", `${path ?? syscall}: ${reason}`, thrown);
}

function fromCore(message: string, thrown: unknown): Failure {
  const [, code, rest] = /^(\w+): (.*)$/s.exec(message) ?? [];
  if (code === undefined || rest === undefined || !isCode(code)) {
    return new Failure("internal", message, thrown);
  }
  return new Failure(code, rest, thrown);
}
