/** A store that refuses every change. */
import { Failure } from "../base/failure.ts";
import type { Store } from "./store.ts";
import { through } from "./through.ts";

/** The same store; every put and removal fails with `read_only`. */
export function readonly(inner: Store): Store {
  const refuse = async (name: string): Promise<never> => {
    throw new Failure("read_only", `${name}: the repository was opened read-only`);
  };
  return {
    ...through(inner),
    put: refuse,
    remove: refuse,
    ...(inner.retention && {
      retention: { ...inner.retention, extend: () => refuse(inner.description) },
    }),
  };
}
