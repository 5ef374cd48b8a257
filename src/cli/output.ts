/**
 * What a command prints: results to standard output; progress, troubles and warnings to standard
 * error, or all of it to standard output as JSON.
 */
import { type HoldallEvent, shown } from "../index.ts";
import { Progress } from "./progress.ts";
import { paint, width } from "./terminal.ts";

/**
 * `run`: events and a result. `rows`: a listing, whose JSON is its rows without progress. `array`:
 * one JSON array alone on standard output.
 */
export type Style = "run" | "rows" | "array";

const BATCH = 64 << 10;
const JSON_SECONDS = 1;

export class Output {
  private readonly json: boolean;
  private readonly quiet: boolean;
  private readonly style: Style;
  private readonly progress = new Progress(process.stderr.isTTY === true);
  private readonly now: () => number;
  private told = Number.NEGATIVE_INFINITY;
  private drawn = false;
  private lines: string[] = [];
  private length = 0;

  constructor(
    json: boolean,
    quiet: boolean,
    style: Style = "run",
    now: () => number = () => performance.now() / 1000,
  ) {
    this.json = json;
    this.quiet = quiet || (json && style !== "run");
    this.style = style;
    this.now = now;
  }

  /** Whether a line of standard output is an event. */
  get isEvents(): boolean {
    return this.json && this.style !== "array";
  }

  show(event: HoldallEvent): void {
    const moving =
      event.event === "progress" || event.event === "restoring" || event.event === "syncing";
    const silent = this.quiet && (moving || event.event === "phase");
    if (silent) return;
    if (this.isEvents) {
      if (!moving || this.due()) this.line(JSON.stringify(event));
      this.flush();
    } else if (event.event === "trouble") {
      this.note(`${shown(event.path)}: ${shown(event.message)}`);
    } else if (event.event === "warning") {
      this.note(`${paint("yellow", "warning:")} ${shown(event.message)}`);
    } else if (moving || event.event === "phase") {
      this.draw(this.progress.text(event, this.now()));
    }
  }

  /** One line of a listing; batches are written together. */
  line(text: string): void {
    this.lines.push(text);
    this.length += text.length;
    if (this.length >= BATCH) this.flush();
  }

  flush(): void {
    if (this.lines.length === 0) return;
    this.clear();
    process.stdout.write(`${this.lines.join("\n")}\n`);
    this.lines = [];
    this.length = 0;
  }

  /** A result: one line of JSON, or text. */
  say(json: unknown, text: string): void {
    if (this.json) this.line(JSON.stringify(json));
    else if (text !== "") this.line(text);
    this.flush();
    this.clear();
  }

  /** A line for people on standard error. */
  note(text: string): void {
    this.clear();
    process.stderr.write(`${text}\n`);
  }

  private due(): boolean {
    if (this.now() - this.told < JSON_SECONDS) return false;
    this.told = this.now();
    return true;
  }

  private draw(text: string | null): void {
    if (text === null) return;
    if (process.stderr.isTTY !== true) {
      process.stderr.write(`${text}\n`);
      return;
    }
    process.stderr.write(`\r${text.slice(0, width(process.stderr) - 1)}\x1b[K`);
    this.drawn = true;
  }

  /** Takes the moving line away. */
  private clear(): void {
    if (this.drawn) process.stderr.write("\r\x1b[K");
    this.drawn = false;
  }
}
