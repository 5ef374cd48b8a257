/** The outside world of one run: abort signal, clock, randomness, event sink; nothing else. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { HoldallEvent } from "./event.ts";

export interface Runtime {
  readonly signal: AbortSignal;
  readonly clock: {
    /** Milliseconds since 1970. */
    now(): number;
    /** Waits; rejects when the signal aborts. */
    sleep(milliseconds: number): Promise<void>;
  };
  random(bytes: number): Buffer;
  emit(event: HoldallEvent): void;
}

/** The real world. */
export function systemRuntime(
  options: { signal?: AbortSignal; emit?: (event: HoldallEvent) => void } = {},
): Runtime {
  const signal = options.signal ?? new AbortController().signal;
  return {
    signal,
    clock: { now: () => Date.now(), sleep: (ms) => sleep(ms, undefined, { signal }) },
    random: (bytes) => randomBytes(bytes),
    emit: options.emit ?? (() => undefined),
  };
}
