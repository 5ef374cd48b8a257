/** What a sync takes in minutes and money, from its plan, prices and rates. Pure. */
import { Failure } from "../../base/failure.ts";
import { finishAt, type HourlyRate, steady } from "../../base/rate.ts";
import type { SyncPlan, SyncRequests } from "./plan.ts";

/** Bytes a second that are assumed where no limit says less. */
export const ASSUMED_RATE = 12_500_000;
const GB = 1e9;

/** What a provider asks for: GB are 10^9 bytes, of storage for a month. */
export interface Prices {
  readonly currency?: string;
  readonly storedGB?: number;
  readonly outGB?: number;
  /** For 1,000 puts or listings, and for 1,000 reads. */
  readonly puts1000?: number;
  readonly gets1000?: number;
}

export interface SyncCost {
  readonly minutes: number;
  /** Requests and bytes out, once; and what the new bytes cost in each month. */
  readonly once: number;
  readonly monthly: number;
  readonly currency: string;
}

export interface CostFacts {
  readonly to: Prices;
  readonly from: Prices;
  /** Limits; both sides move at once, so the slower one counts. */
  readonly up?: HourlyRate;
  readonly down?: HourlyRate;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const requests = (r: SyncRequests, p: Prices) =>
  ((r.puts + r.lists) * (p.puts1000 ?? 0) + r.gets * (p.gets1000 ?? 0)) / 1000;

const bounded = (rates: HourlyRate = steady(ASSUMED_RATE)) =>
  rates.map((rate) => Math.min(rate, ASSUMED_RATE));

/** Minutes by the slower side, and money by both sides' prices. */
export function costOf(plan: SyncPlan, { to, from, up, down, now }: CostFacts): SyncCost {
  const ends = [finishAt(bounded(up), now, plan.up), finishAt(bounded(down), now, plan.down)];
  return {
    minutes: (Math.max(...ends) - now) / 60_000,
    once: requests(plan.to, to) + requests(plan.from, from) + (plan.down / GB) * (from.outGB ?? 0),
    monthly: (plan.up / GB) * (to.storedGB ?? 0),
    currency: to.currency ?? from.currency ?? "",
  };
}

/** Refuses what costs more than was allowed: requests, bytes out, and the first month. */
export function refuseAbove(cost: SyncCost, most: number): void {
  const total = cost.once + cost.monthly;
  if (total <= most) return;
  const said = `${total.toFixed(4)} ${cost.currency}`.trim();
  throw new Failure("too_expensive", `the sync would cost ${said}, more than ${most}`);
}
