/** Keeps a store's traffic below so many bytes a second, up and down apart. */
import type { Runtime } from "../base/runtime.ts";
import type { Store } from "./store.ts";
import { through } from "./through.ts";

export interface Rates {
  /** Bytes a second; absent means unbounded. */
  readonly up?: number;
  readonly down?: number;
}

/** The same store, at most this many bytes a second up and down. */
export function throttle(inner: Store, runtime: Runtime, rates: Rates): Store {
  const up = bucket(runtime, rates.up);
  const down = bucket(runtime, rates.down);
  return {
    ...through(inner),
    // The core would read packs past this decorator.
    folder: rates.down === undefined ? inner.folder : null,
    async put(name, bytes, signal, claim, lasting) {
      await up(bytes.length);
      return inner.put(name, bytes, signal, claim, lasting);
    },
    async get(name, range, signal) {
      const bytes = await inner.get(name, range, signal);
      await down(bytes.length);
      return bytes;
    },
  };
}

/** Waits until `bytes` more fit below the rate. */
function bucket(runtime: Runtime, rate: number | undefined): (bytes: number) => Promise<void> {
  let freeAt = 0;
  return async (bytes) => {
    if (rate === undefined) return;
    const now = runtime.clock.now();
    freeAt = Math.max(freeAt, now) + (bytes * 1000) / rate;
    if (freeAt > now) await runtime.clock.sleep(freeAt - now);
  };
}
