/** Repeats what failed in passing: a bounded number of times, with growing, jittered pauses. */
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Listed, Store } from "./store.ts";

const FIRST_PAUSE = 100;

/** The same store; what fails with a retryable code is tried again, `attempts` times in all. */
export function retry(inner: Store, runtime: Runtime, attempts = 5): Store {
  const again = async <T>(act: (attempt: number) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act(attempt);
      } catch (error) {
        if (!(error instanceof Failure && error.retryable) || attempt === attempts) throw error;
        const jitter = 0.5 + runtime.random(1).readUInt8(0) / 256;
        await runtime.clock.sleep(FIRST_PAUSE * 2 ** (attempt - 1) * jitter);
      }
    }
  };
  return {
    description: inner.description,
    folder: inner.folder,
    // A put whose answer was lost may have worked: names are never used twice, so an existing name
    // on a later attempt is this very object when its bytes are.
    put: (name, bytes, signal, claim) =>
      again(async (attempt) => {
        try {
          return await inner.put(name, bytes, signal, claim);
        } catch (error) {
          const lost = attempt > 1 && error instanceof Failure && error.code === "object_exists";
          if (lost && (await inner.get(name)).equals(bytes)) return { durable: name };
          throw error;
        }
      }),
    get: (name, range, signal) => again(() => inner.get(name, range, signal)),
    async *list(prefix, signal) {
      const all = await again(async () => {
        const found: Listed[] = [];
        for await (const object of inner.list(prefix, signal)) found.push(object);
        return found;
      });
      yield* all;
    },
    remove: (name, proof) => again(() => inner.remove(name, proof)),
    ...(inner.remnants && { remnants: inner.remnants }),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}
