/** Requests and bytes, counted where they are made: the wire of a remote store, or its calls. */
import type { Store } from "./store.ts";
import { through } from "./through.ts";

export type Request = "put" | "get" | "head" | "list" | "remove" | "other";

/** Grows while a store is used. */
export class Traffic {
  readonly requests: Record<Request, number> = {
    put: 0,
    get: 0,
    head: 0,
    list: 0,
    remove: 0,
    other: 0,
  };
  /** Bytes of bodies, up and down. */
  sent = 0;
  received = 0;

  add(request: Request, sent: number, received: number): void {
    this.requests[request]++;
    this.sent += sent;
    this.received += received;
  }

  get total(): number {
    return Object.values(this.requests).reduce((sum, n) => sum + n, 0);
  }
}

/** The same store; its calls are counted, whether they succeed or not. */
export function counted(inner: Store, traffic: Traffic): Store {
  return {
    ...through(inner),
    put(name, bytes, signal, claim, lasting) {
      traffic.add("put", bytes.length, 0);
      return inner.put(name, bytes, signal, claim, lasting);
    },
    async get(name, range, signal) {
      traffic.add("get", 0, 0);
      const bytes = await inner.get(name, range, signal);
      traffic.received += bytes.length;
      return bytes;
    },
    list(prefix, signal) {
      traffic.add("list", 0, 0);
      return inner.list(prefix, signal);
    },
    remove(name, proof) {
      traffic.add("remove", 0, 0);
      return inner.remove(name, proof);
    },
  };
}
