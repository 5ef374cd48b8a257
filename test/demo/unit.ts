/** How a unit is written to and asked, through the protocol of the service that has it. */
import type { Chain, Operation } from "./chain.ts";
import type { Context, Place } from "./place.ts";

/** What a service answers of one chain. */
export interface Answer {
  /** Payloads in the service's own order. */
  readonly values: readonly string[];
  /** Where the service itself sees that its parts do not agree; one line each. */
  readonly torn: readonly string[];
}

/** A connection in the name of one context. */
export interface Port extends AsyncDisposable {
  /** Resolves when the service has acknowledged it. */
  write(operation: Operation): Promise<void>;
  read(chain: Chain): Promise<Answer>;
}

export interface Unit {
  /** `service/unit`, as in the descriptors. */
  readonly id: string;
  readonly service: string;
  /** Each operation of a chain takes the place of the one before it; only the newest is there. */
  readonly register: boolean;
  /** Makes the contexts, once, when the service runs for the first time. */
  prepare(place: Place, contexts: readonly Context[]): Promise<void>;
  connect(place: Place, context: Context): Promise<Port>;
}

export const serviceOf = (unit: string): string => unit.slice(0, unit.indexOf("/"));
