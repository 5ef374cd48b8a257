/**
 * A store whose records are kept in the local cache once they were read or put: they never change,
 * and their names say what they hold. What is there is still what a listing says.
 */
import type { Runtime } from "../base/runtime.ts";
import type { Listed, Store } from "../store/store.ts";
import type { Cache, Kept } from "./cache.ts";
import { bareName, FOLDERS } from "./layout.ts";

/** Runs are kept opened, by whoever opens them; packs of pages by the repository. */
const isRecord = (kind: Kept): kind is Exclude<Kept, "index" | "page"> =>
  kind !== "index" && kind !== "page";

/** The same store. */
export function kept(inner: Store, cache: Cache, { clock, random }: Runtime): Store {
  const kinds = cache.kinds.filter(isRecord);
  const kindOf = (path: string) => kinds.find((kind) => path.startsWith(FOLDERS[kind]));
  return {
    ...inner,
    async put(path, bytes, ...rest) {
      const token = await inner.put(path, bytes, ...rest);
      const [kind, name] = [kindOf(path), bareName(path)];
      if (bytes instanceof Uint8Array && kind !== undefined && name !== null) {
        await cache.keep(kind, name, bytes, random(8));
      }
      return token;
    },
    async get(path, range, signal) {
      const [kind, name] = [kindOf(path), bareName(path)];
      if (kind === undefined || name === null || range) return inner.get(path, range, signal);
      const found = await cache.record(kind, name);
      if (found !== null) return found;
      const bytes = await inner.get(path, range, signal);
      await cache.keep(kind, name, bytes, random(8));
      return bytes;
    },
    async *list(prefix, signal) {
      const kind = kinds.find((k) => prefix === FOLDERS[k]);
      const listed = new Set<string>();
      for await (const object of inner.list(prefix, signal) as AsyncIterable<Listed>) {
        listed.add(bareName(object.name) ?? "");
        yield object;
      }
      if (kind !== undefined) await cache.dropOthers(kind, listed, clock.now());
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}
