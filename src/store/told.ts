/** What a store itself said of a call that failed: the cause of the `Failure`. */
export class Told extends Error {
  /** HTTP's, or 0 where there was no answer. */
  readonly status: number;
  /** The store's own word for it, such as `SlowDown`. */
  readonly word: string;
  /** How long it wants to be left alone, in milliseconds. */
  readonly wait: number;

  constructor(status: number, word: string, wait = 0, cause?: unknown) {
    super(`${status} ${word}`.trim(), cause === undefined ? undefined : { cause });
    this.name = "Told";
    this.status = status;
    this.word = word;
    this.wait = wait;
  }

  /** It works, and has too much to do. */
  get busy(): boolean {
    return this.status === 503 || this.status === 429;
  }
}

/** What the store said of this failure, where it said anything. */
export function toldOf(error: unknown): Told | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Told ? cause : undefined;
}
