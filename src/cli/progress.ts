/** Progress in words: what, how much, how fast, how long still. Times are seconds of any clock. */
import type { HoldallEvent, Phase } from "../index.ts";
import { count, duration, size } from "./words.ts";

/** Events that tell how far something is. */
export type Moving = "progress" | "restoring" | "syncing";

type Event<K extends HoldallEvent["event"]> = Extract<HoldallEvent, { event: K }>;

/** Between two lines: on a terminal, and elsewhere. */
const TERMINAL_SECONDS = 0.2;
const LOG_SECONDS = 30;
/** After this time a change of speed has moved the shown rate by 63 %. */
const MEMORY_SECONDS = 10;

const PHASES: Record<Phase, string> = {
  index: "reading the index",
  save: "saving",
  restore: "restoring",
  read: "reading",
  mark: "looking what is needed",
  copy: "copying what is needed",
  check: "checking",
  sync: "copying",
};

/** A rate that follows changes slowly, so that the time left does not jump. */
export class Rate {
  private value = 0;
  private bytes = 0;
  private time: number | undefined;
  private start = 0;

  /** Takes in how many bytes are done by now; gives bytes a second. */
  add(bytes: number, now: number): number {
    if (this.time === undefined) {
      this.time = now;
      this.start = now;
      this.bytes = bytes;
      return 0;
    }
    const seconds = now - this.time;
    if (seconds <= 0) return this.value;
    const current = (bytes - this.bytes) / seconds;
    // At first the average since the start is the better guess.
    const memory = Math.min(MEMORY_SECONDS, now - this.start);
    const share = 1 - Math.exp(-seconds / memory);
    this.value = this.value === 0 ? current : this.value + (current - this.value) * share;
    this.time = now;
    this.bytes = bytes;
    return this.value;
  }
}

export class Progress {
  private readonly pause: number;
  private readonly terminal: boolean;
  private readonly rate = new Rate();
  private phase: Phase | undefined;
  private last: number | undefined;

  constructor(terminal: boolean) {
    this.terminal = terminal;
    this.pause = terminal ? TERMINAL_SECONDS : LOG_SECONDS;
  }

  /** A line for this event; null when it is too early for the next one. */
  text(event: Event<"phase" | Moving>, now: number): string | null {
    // A log gets its first line after the first pause, a terminal at once.
    this.last ??= this.terminal ? Number.NEGATIVE_INFINITY : now;
    if (event.event === "phase") {
      this.phase = event.phase;
      return this.terminal ? `${PHASES[event.phase]} ...` : null;
    }
    const rate = this.rate.add(event.bytes, now);
    if (now - this.last < this.pause) return null;
    this.last = now;
    const phase = this.phase === undefined ? "" : `${PHASES[this.phase]}: `;
    const parts = partsOf(event);
    if (rate > 0) parts.push(`${size(rate)}/s`);
    const left = (event.totalBytes ?? 0) - event.bytes;
    if (left > 0 && rate > 0) parts.push(`about ${duration(left / rate)} left`);
    return phase + parts.join(", ");
  }
}

const of = (n: number, total: number | undefined, say: (n: number) => string) =>
  total !== undefined && total >= n ? `${say(n)} of ${say(total)}` : say(n);

function partsOf(event: Event<Moving>): string[] {
  if (event.event === "progress") return saved(event);
  return event.event === "restoring" ? restored(event) : synced(event);
}

function synced(p: Event<"syncing">): string[] {
  return [`snapshot ${p.snapshots + 1} of ${p.totalSnapshots}`, of(p.bytes, p.totalBytes, size)];
}

function saved(p: Event<"progress">): string[] {
  const files = p.totalFiles !== undefined && p.totalFiles >= p.files ? `${p.files} of ` : "";
  const total = files === "" ? p.files : (p.totalFiles ?? 0);
  return [
    `${files}${count(total, "file")}`,
    of(p.bytes, p.totalBytes, size),
    `${size(p.newBytes)} new`,
  ];
}

function restored(p: Event<"restoring">): string[] {
  const total = p.totalEntries === undefined ? "" : ` of ${p.totalEntries}`;
  return [
    `${p.entries}${total} entries`,
    of(p.bytes, p.totalBytes, size),
    `${size(p.written)} written`,
    `${size(Math.max(0, p.bytes - p.written))} kept`,
  ];
}
