/**
 * Shows events: one moving line on a terminal, a line every 30 s elsewhere, JSON lines when asked.
 */
import { type HoldallEvent, shown } from "../index.ts";

const QUIET_SECONDS = 30;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function size(bytes: number): string {
  let n = bytes;
  let unit = 0;
  while (n >= 1024 && unit < UNITS.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 ? n : n.toFixed(n < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export class Progress {
  private readonly json: boolean;
  private readonly quiet: boolean;
  private readonly started = performance.now();
  private last = performance.now();
  private drawn = false;

  constructor(json: boolean, quiet: boolean) {
    this.json = json;
    this.quiet = quiet;
  }

  show(event: HoldallEvent): void {
    if (this.json) {
      if (event.event !== "progress" || this.due(1))
        process.stdout.write(`${JSON.stringify(event)}\n`);
      return;
    }
    if (event.event === "trouble") this.line(`${shown(event.path)}: ${shown(event.message)}`);
    else if (event.event === "warning") this.line(`warning: ${shown(event.message)}`);
    else if (event.event === "progress" && !this.quiet) this.draw(event);
  }

  /** Takes the moving line away. */
  clear(): void {
    if (this.drawn) process.stderr.write("\r\x1b[K");
    this.drawn = false;
  }

  private line(text: string): void {
    this.clear();
    process.stderr.write(`${text}\n`);
  }

  private due(seconds: number): boolean {
    const now = performance.now();
    if (now - this.last < seconds * 1000) return false;
    this.last = now;
    return true;
  }

  private draw(event: Extract<HoldallEvent, { event: "progress" }>): void {
    const terminal = process.stderr.isTTY === true;
    if (!this.due(terminal ? 0.2 : QUIET_SECONDS)) return;
    const seconds = (performance.now() - this.started) / 1000;
    const rate = event.bytes / seconds;
    const parts = [
      `${event.files} files`,
      size(event.bytes),
      `${size(event.newBytes)} new`,
      `${size(rate)}/s`,
    ];
    const left = (event.totalBytes ?? 0) - event.bytes;
    if (left > 0 && rate > 0) parts.push(`about ${duration(left / rate)} left`);
    const text = parts.join(", ");
    if (!terminal) {
      process.stderr.write(`${text}\n`);
      return;
    }
    process.stderr.write(`\r${text.slice(0, (process.stderr.columns ?? 80) - 1)}\x1b[K`);
    this.drawn = true;
  }
}
