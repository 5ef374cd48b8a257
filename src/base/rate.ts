/** Bytes a second by the hour of the day, and how long so many bytes take. */

/** 24 numbers, one for each local hour; `Infinity` is no limit. */
export type HourlyRate = readonly number[];

/** The same rate all day. */
export function steady(rate: number): HourlyRate {
  return Array.from({ length: 24 }, () => rate);
}

/** When so many bytes are through that begin at a time; both in milliseconds since 1970. */
export function finishAt(rates: HourlyRate, start: number, bytes: number): number {
  let [at, left] = [start, bytes];
  for (;;) {
    const hour = new Date(at);
    const rate = rates[hour.getHours()] ?? Number.POSITIVE_INFINITY;
    const takes = (left * 1000) / rate;
    // Whatever the clock does between summer and winter, the next full hour is looked at anew.
    const end = new Date(at).setMinutes(60, 0, 0);
    if (at + takes <= end || end <= at) return at + takes;
    left -= (rate * (end - at)) / 1000;
    at = end;
  }
}
