/** One command's run: signals, output and the opened repository. */
import { cpus } from "node:os";
import {
  Failure,
  type HoldallEvent,
  openRepository,
  openStore,
  type Repository,
  type Runtime,
  readonly,
  retry,
  type Store,
  systemRuntime,
  throttle,
} from "../index.ts";
import { Progress } from "./progress.ts";
import { type Flags, findRepository, findSecret, type Place } from "./settings.ts";

export class Session {
  readonly flags: Flags;
  readonly runtime: Runtime;
  readonly place: Place;
  private readonly progress: Progress;
  private readonly abort = new AbortController();

  constructor(flags: Flags) {
    this.flags = flags;
    this.progress = new Progress(flags.json === true, flags.quiet === true);
    const emit = (event: HoldallEvent) => this.progress.show(event);
    this.runtime = systemRuntime({ signal: this.abort.signal, emit });
    this.place = findRepository(flags);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        // The second one does not wait for what is under way.
        if (this.abort.signal.aborted) process.exit(130);
        this.abort.abort();
      });
    }
  }

  get workers(): number {
    return Number(process.env.HOLDALL_WORKERS ?? cpus().length);
  }

  store(): Store {
    let store = retry(openStore(this.place.address), this.runtime);
    const rate = (text: string | undefined) => (text === undefined ? {} : parseRate(text));
    const up = rate(this.flags.limitUpload);
    const down = rate(this.flags.limitDownload);
    if (up.rate !== undefined || down.rate !== undefined) {
      store = throttle(store, this.runtime, {
        ...(up.rate === undefined ? {} : { up: up.rate }),
        ...(down.rate === undefined ? {} : { down: down.rate }),
      });
    }
    return this.flags.readOnly ? readonly(store) : store;
  }

  async open(): Promise<Repository> {
    const store = this.store();
    return openRepository(store, await findSecret(this.flags, this.place), this.runtime);
  }

  /** A result: an object in JSON, or text. */
  say(json: unknown, text: string): void {
    this.progress.clear();
    if (this.flags.json) process.stdout.write(`${JSON.stringify(json)}\n`);
    else if (text !== "") process.stdout.write(`${text}\n`);
  }
}

const FACTORS: Record<string, number> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/** `500k`, `2M`: bytes a second. */
function parseRate(text: string): { rate?: number } {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([kmg]?)$/i.exec(text) ?? [];
  if (count === undefined || Number(count) <= 0)
    throw new Failure("usage", `${text} is no rate, such as 500k or 2M`);
  return { rate: Number(count) * (FACTORS[(unit ?? "").toLowerCase()] ?? 1) };
}
