/** The moments of a cut as a barrier tells them, in the shape that the oracle judges by. */
import type { Moments, UnitMoments } from "./oracle.ts";
import { UNITS } from "./units.ts";

/** What a barrier knows afterwards; times in nanoseconds of CLOCK_MONOTONIC. */
export interface Told {
  /** B: the last of the set was seen to stand. */
  readonly all: number;
  /** T: the first went on. */
  readonly thaw: number;
  /** By `service/unit`: when its flush or drain was asked for. */
  readonly flushed: ReadonlyMap<string, number>;
  /** By service: its stop was asked for, and its last thread was seen to stand. */
  readonly stopped: ReadonlyMap<string, readonly [asked: number, stood: number]>;
}

/** F of a unit without a flush of its own is the stop of its service. */
export function momentsOf({ all, thaw, flushed, stopped }: Told): Moments {
  const nanoseconds = (time: number) => BigInt(Math.round(time));
  const units: Record<string, UnitMoments> = {};
  for (const { id, service } of UNITS) {
    const [asked, stood] = stopped.get(service) ?? [];
    units[id] = {
      flushed: nanoseconds(flushed.get(id) ?? asked ?? all),
      ...(stood !== undefined && { stopped: nanoseconds(stood) }),
    };
  }
  return { writersStopped: nanoseconds(all), continued: nanoseconds(thaw), units };
}
