/** A store that refuses every change. */
import { Failure } from "../base/failure.ts";
import type { Store } from "./store.ts";

/** The same store; every put and removal fails with `read_only`. */
export function readonly(inner: Store): Store {
  const refuse = async (name: string): Promise<never> => {
    throw new Failure("read_only", `${name}: the repository was opened read-only`);
  };
  return {
    description: inner.description,
    folder: inner.folder,
    put: refuse,
    get: (name, range, signal) => inner.get(name, range, signal),
    list: (prefix, signal) => inner.list(prefix, signal),
    remove: refuse,
    ...(inner.remnants && { remnants: inner.remnants }),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}
