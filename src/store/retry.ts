/**
 * Repeats what failed in passing: after a random part of a pause that grows, or after the time that
 * the store asked for, and within bounds.
 *
 * While nothing gets through, that is an outage, and outages end; what fails alone, while other
 * calls get through, will not be mended by time, and is given up after a few attempts. A store that
 * is only busy is never taken for either.
 */
import { type Body, isAlike } from "../base/body.ts";
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Listed, Store } from "./store.ts";
import { through } from "./through.ts";
import { toldOf } from "./told.ts";

/** The pauses, and the bounds; times are in milliseconds. */
export interface Patience {
  /** Attempts that are made in any case, and all that are made while other calls get through. */
  readonly attempts: number;
  readonly longestPause: number;
  /** How long nothing may get through. */
  readonly outage: number;
  /** The same before anything ever got through, if not 0: a wrong address is no outage. */
  readonly atFirst: number;
}

const LOCAL: Patience = { attempts: 5, longestPause: 5_000, outage: 0, atFirst: 0 };

/** Bounds every call, whatever the clock says. */
const MOST = 200;
const FIRST_PAUSE = 200;
const LONGEST_WAIT = 300_000;
/** An outage is told of after this time. */
const TOLD_AFTER = 10_000;

/** Runs an act until it succeeds, fails for good, or patience ends; attempts count from 1. */
export type Again = <T>(act: (attempt: number) => Promise<T>) => Promise<T>;

/** Calls that share one patience: what gets through for one is known to all. */
export function again(runtime: Runtime, patience: Patience): Again {
  let successes = 0;
  let told = false;
  const isSpent = (failure: Failure, attempt: number, since: number, before: number): boolean => {
    if (attempt >= MOST) return true;
    const busy = toldOf(failure)?.busy === true;
    const nothingYet = successes === 0 && !busy && patience.atFirst > 0;
    const overdue =
      runtime.clock.now() - since >= (nothingYet ? patience.atFirst : patience.outage);
    const alone = successes > before && !busy;
    return nothingYet ? overdue : attempt >= patience.attempts && (alone || overdue);
  };
  return async (act) => {
    const since = runtime.clock.now();
    const before = successes;
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await act(attempt);
        successes++;
        told = false;
        return result;
      } catch (error) {
        if (!(error instanceof Failure && error.retryable)) throw error;
        if (isSpent(error, attempt, since, before)) throw error;
        if (!told && runtime.clock.now() - since > TOLD_AFTER) {
          told = true;
          runtime.emit({ event: "warning", message: `${error.message}; trying again` });
        }
        await runtime.clock.sleep(pause(runtime, patience, attempt, toldOf(error)?.wait ?? 0));
      }
    }
  };
}

function pause(runtime: Runtime, patience: Patience, attempt: number, asked: number): number {
  const ceiling = Math.min(patience.longestPause, FIRST_PAUSE * 2 ** (attempt - 1));
  const jittered = (ceiling * runtime.random(4).readUInt32LE(0)) / 2 ** 32;
  return Math.min(asked, LONGEST_WAIT) + jittered;
}

/** The same store; what fails with a retryable code is tried again, `attempts` times in all. */
export function retry(inner: Store, runtime: Runtime, attempts = LOCAL.attempts): Store {
  const repeat = again(runtime, { ...LOCAL, attempts });
  return {
    ...through(inner),
    // A put whose answer was lost may have worked: names are never used twice, so an existing name
    // on a later attempt is this very object when its bytes are.
    put: (name, bytes, signal, claim, lasting) =>
      repeat(async (attempt) => {
        try {
          return await inner.put(name, bytes, signal, claim, lasting);
        } catch (error) {
          const lost = attempt > 1 && error instanceof Failure && error.code === "object_exists";
          if (lost && (await isThere(inner, name, bytes))) return { durable: name };
          throw error;
        }
      }),
    get: (name, range, signal) => repeat(() => inner.get(name, range, signal)),
    async *list(prefix, signal) {
      const all = await repeat(async () => {
        const found: Listed[] = [];
        for await (const object of inner.list(prefix, signal)) found.push(object);
        return found;
      });
      yield* all;
    },
    remove: (name, proof) => repeat(() => inner.remove(name, proof)),
  };
}

async function isThere(store: Store, name: string, bytes: Body): Promise<boolean> {
  if (bytes instanceof Uint8Array) return (await store.get(name)).equals(bytes);
  try {
    return await isAlike(bytes, (offset, length) => store.get(name, { offset, length }));
  } catch (error) {
    // Another one that is shorter.
    if (error instanceof Failure && error.code === "damaged") return false;
    throw error;
  }
}
