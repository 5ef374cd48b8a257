/** What starts and stops the services of an instance. */
import { setTimeout as sleep } from "node:timers/promises";

/** Starts, stops and knows the processes of the services. */
export interface Supervisor {
  /** What a later command needs to end it: the process that everything else is below. */
  readonly pid: number;
  start(service: string): Promise<void>;
  /** Resolves when the service has ended; rejects when it did not end well. */
  stop(service: string): Promise<void>;
  /** A service's processes, children after their parents, by the numbers of this process. */
  pids(service: string): Promise<number[]>;
  /** Stops every service, those first that need others, then itself. */
  end(): Promise<void>;
}

/** Asks again until an answer is what it should be. */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | null>,
): Promise<T> {
  let last: unknown;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) {
    const found = await look().catch((error: unknown) => {
      last = error;
      return null;
    });
    if (found !== null) return found;
  }
  throw new Error(`${what} after ${seconds} s${last instanceof Error ? `: ${last.message}` : ""}`);
}
