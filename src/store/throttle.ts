/** Keeps a store's traffic below so many bytes a second, up and down apart, by the hour. */
import { finishAt, type HourlyRate, steady } from "../base/rate.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Store } from "./store.ts";
import { through } from "./through.ts";

export interface Rates {
  /** Bytes a second, always or by the hour; absent means unbounded. */
  readonly up?: number | HourlyRate;
  readonly down?: number | HourlyRate;
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
function bucket(
  { clock }: Runtime,
  given: number | HourlyRate | undefined,
): (bytes: number) => Promise<void> {
  if (given === undefined) return async () => undefined;
  const rates = typeof given === "number" ? steady(given) : given;
  let freeAt = 0;
  return async (bytes) => {
    const now = clock.now();
    freeAt = finishAt(rates, Math.max(freeAt, now), bytes);
    if (freeAt > now) await clock.sleep(freeAt - now);
  };
}
