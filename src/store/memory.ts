/** A store in memory, for tests and trials; it promises all that a store must but survival. */
import { bytesOf } from "../base/body.ts";
import { Failure } from "../base/failure.ts";
import type { Store } from "./store.ts";

/** A store that lives as long as the process. */
export function openMemoryStore(objects = new Map<string, Buffer>()): Store {
  return {
    description: "memory",
    folder: null,
    async put(name, bytes, signal) {
      if (signal?.aborted) throw new Failure("interrupted", "interrupted");
      if (objects.has(name)) throw new Failure("object_exists", `${name}: exists already`);
      objects.set(name, await bytesOf(bytes));
      return { durable: name };
    },
    async get(name, range) {
      const found = objects.get(name);
      if (found === undefined) throw new Failure("object_missing", `${name}: no such object`);
      const { offset, length } = range ?? { offset: 0, length: found.length };
      if (offset + length > found.length) throw new Failure("damaged", `${name} is cut short`);
      return Buffer.from(found.subarray(offset, offset + length));
    },
    async *list(prefix) {
      for (const [name, bytes] of [...objects]) {
        if (name.startsWith(prefix)) yield { name, length: bytes.length };
      }
    },
    async remove(name) {
      objects.delete(name);
    },
    async [Symbol.asyncDispose]() {},
  };
}
