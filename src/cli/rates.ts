/** Rates and prices as people write them. */
import { Failure, type HourlyRate, type Prices, steady } from "../index.ts";
import { byteCount } from "./arguments.ts";

const HOURS = /^(\d{1,2})-(\d{1,2})\s+(\S+)$/;

/** `2M`, or by the hour: `08-18 500k, 2M`; hours that nothing speaks of are free. */
export function hourlyRate(text: string, what = "rate"): HourlyRate {
  const parts = text.split(",").map((part) => part.trim());
  const [always, more] = parts.filter((part) => !HOURS.test(part));
  if (more !== undefined) throw new Failure("usage", `${what} ${text}: ${more} has no hours`);
  const rates = [
    ...steady(always === undefined ? Number.POSITIVE_INFINITY : byteCount(always, what)),
  ];
  for (const part of parts) {
    const [, first, last, rate = ""] = HOURS.exec(part) ?? [];
    if (first === undefined) continue;
    const [from, to] = [Number(first), Number(last)];
    if (from > 23 || to > 24 || from === to) {
      throw new Failure("usage", `${what} ${text}: give hours such as 08-18 or 22-06`);
    }
    const bytes = byteCount(rate, what);
    const hours = (to - from + 24) % 24 || 24;
    for (let i = 0; i < hours; i++) rates[(from + i) % 24] = bytes;
  }
  return rates;
}

const PRICES: Record<keyof Prices, "number" | "string"> = {
  currency: "string",
  storedGB: "number",
  outGB: "number",
  puts1000: "number",
  gets1000: "number",
};

/** The price table of a named repository; `where` is for messages. */
export function readPrices(value: unknown, where: string): Prices {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Failure("config", `${where}: not an object`);
  }
  for (const [field, content] of Object.entries(value)) {
    if (!Object.hasOwn(PRICES, field)) {
      throw new Failure("config", `${where}: unknown field ${field}`);
    }
    const kind = PRICES[field as keyof Prices];
    const negative = kind === "number" && !(Number(content) >= 0);
    if (typeof content !== kind || negative) {
      throw new Failure("config", `${where}.${field}: not a ${kind}`);
    }
  }
  return value;
}
