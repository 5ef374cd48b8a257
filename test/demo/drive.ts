/** Drives chains of operations; each is in the journal before it is sent. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Chain, now, openJournal, unitOf } from "./chain.ts";
import type { Place } from "./place.ts";
import type { Port } from "./unit.ts";
import { portOf } from "./units.ts";

/** Chains of one driver, and what it needs to drive them. */
export interface Orders {
  readonly place: Place;
  /** A folder outside the instance. */
  readonly journal: string;
  readonly chains: readonly Chain[];
  /** Milliseconds between an acknowledgement and the next operation. */
  readonly pace: number;
}

/** Connections of one chain, opened when first needed. */
function ports(place: Place, chain: Chain) {
  const open = new Map<string, Port>();
  return {
    async to(unit: string): Promise<Port> {
      const port = open.get(unit) ?? (await portOf(place, unit, chain.context));
      open.set(unit, port);
      return port;
    },
    async [Symbol.asyncDispose]() {
      for (const port of open.values()) {
        try {
          await port[Symbol.asyncDispose]();
        } catch {
          // Its service is gone; so is the connection.
        }
      }
    },
  };
}

/** Runs a chain until an operation fails, `most` of them are done, or it is told to stop. */
export async function drive(orders: Orders, chain: Chain, stop: AbortSignal, most = Infinity) {
  await using open = ports(orders.place, chain);
  // What a connection costs must not look like a service that stands.
  for (const unit of chain.units) await open.to(unit);
  await using journal = await openJournal(orders.journal, chain);
  for (let n = 0; n < most && !stop.aborted; n++) {
    const operation = { chain, n };
    await journal.sent(n, now());
    try {
      await (await open.to(unitOf(operation))).write(operation);
    } catch (error) {
      await journal.failed(n, now(), String(error));
      return;
    }
    journal.acknowledged(n, now());
    if (orders.pace > 0) await sleep(orders.pace);
  }
}

/** Drives a chain again and again under new names: a number that failed is never used again. */
export async function keepDriving(orders: Orders, plan: Chain, stop: AbortSignal) {
  while (!stop.aborted) {
    const chain = { ...plan, name: `${plan.name}-${randomBytes(4).toString("hex")}` };
    try {
      await drive(orders, chain, stop);
    } catch (error) {
      process.stderr.write(`${chain.name}: ${String(error)}\n`);
    }
    if (!stop.aborted) await sleep(50);
  }
}
