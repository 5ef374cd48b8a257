/** What every decorator begins with: a store that passes every call on. */
import type { Store } from "./store.ts";

/** The same store as a plain object, whose members can be replaced one by one. */
export function through(inner: Store): Store {
  const { retention, lockedUntil, probe } = inner;
  return {
    description: inner.description,
    folder: inner.folder,
    put: (name, bytes, signal, claim, lasting) => inner.put(name, bytes, signal, claim, lasting),
    get: (name, range, signal) => inner.get(name, range, signal),
    list: (prefix, signal) => inner.list(prefix, signal),
    remove: (name, proof) => inner.remove(name, proof),
    ...(inner.remnants && { remnants: inner.remnants }),
    ...(retention && { retention }),
    ...(lockedUntil && { lockedUntil: (name) => lockedUntil.call(inner, name) }),
    ...(probe && { probe: () => probe.call(inner) }),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}
