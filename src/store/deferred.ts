/**
 * A store that is opened when it is first used: what only one kind of store needs, such as the
 * network, costs no other run its time.
 */
import type { Retention, Store } from "./store.ts";

/** What is known of a store before it is opened. */
export interface Known {
  readonly description: string;
  /** Milliseconds that its objects stay locked; absent where nothing locks. */
  readonly promised?: number | undefined;
}

/** A store that can lock objects and be tried out. */
export type FarStore = Store & Required<Pick<Store, "lockedUntil" | "probe">>;

/** A remote store that `open` opens. */
export function deferred(
  { description, promised }: Known,
  open: () => Promise<FarStore>,
): FarStore {
  let opened: Promise<FarStore> | undefined;
  const inner = () => {
    opened ??= open();
    return opened;
  };
  const extend: Retention["extend"] = async (names, signal) =>
    (await (await inner()).retention?.extend(names, signal)) ?? 0;
  return {
    description,
    ...(promised !== undefined && { retention: { promised, extend } }),
    lockedUntil: async (name) => (await inner()).lockedUntil(name),
    probe: async () => (await inner()).probe(),
    folder: null,
    put: async (...given) => (await inner()).put(...given),
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
