/**
 * A store that is opened when it is first used: what only one kind of store needs, such as the
 * network, costs no other run its time.
 */
import type { Store } from "./store.ts";

export function deferred(description: string, open: () => Promise<Store>): Store {
  let opened: Promise<Store> | undefined;
  const inner = () => {
    opened ??= open();
    return opened;
  };
  return {
    description,
    folder: null,
    put: async (name, bytes, signal, claim) => (await inner()).put(name, bytes, signal, claim),
    get: async (name, range, signal) => (await inner()).get(name, range, signal),
    async *list(prefix, signal) {
      yield* (await inner()).list(prefix, signal);
    },
    remove: async (name, proof) => (await inner()).remove(name, proof),
    async [Symbol.asyncDispose]() {
      await (await opened)?.[Symbol.asyncDispose]();
    },
  };
}
