/** One command's run: signals, output and the opened repository. */
import { availableParallelism } from "node:os";
import {
  type HoldallEvent,
  type HourlyRate,
  openRepository,
  openStore,
  type Rates,
  type Repository,
  type Runtime,
  readonly,
  retry,
  type Store,
  systemRuntime,
  Traffic,
  throttle,
} from "../index.ts";
import { integer } from "./arguments.ts";
import { interruptSignal } from "./interrupt.ts";
import { Output, type Style } from "./output.ts";
import { hourlyRate } from "./rates.ts";
import { cacheBase, type Flags, findRepository, findSecret, type Place } from "./settings.ts";
import { count, size } from "./words.ts";

export class Session {
  readonly flags: Flags;
  readonly runtime: Runtime;
  readonly place: Place;
  readonly output: Output;
  readonly traffic = new Traffic();
  private isRemote = false;
  /** Whoever proves what is stored reads it there. */
  stored = false;

  constructor(flags: Flags, style: Style = "run") {
    this.flags = flags;
    this.output = new Output(flags.json === true, flags.quiet === true, style);
    const emit = (event: HoldallEvent) => this.output.show(event);
    this.runtime = systemRuntime({ signal: interruptSignal(), emit });
    this.place = findRepository(flags);
  }

  get workers(): number {
    const given = process.env.HOLDALL_WORKERS;
    return given ? integer(given, "HOLDALL_WORKERS", 1, 1024) : availableParallelism();
  }

  /** The limits that hold for a place. */
  rates({ named }: Place): { up?: HourlyRate; down?: HourlyRate } {
    const { flags } = this;
    const rate = (name: keyof Rates, text: string | undefined) =>
      text === undefined ? {} : { [name]: hourlyRate(text) };
    return {
      ...rate("up", flags.limitUpload ?? named.limitUpload),
      ...rate("down", flags.limitDownload ?? named.limitDownload),
    };
  }

  /** What is asked of the store is added to `traffic`. */
  store(place: Place = this.place, traffic: Traffic = this.traffic): Store {
    const { runtime, flags } = this;
    const rates = this.rates(place);
    const opened = openStore(place.address, { runtime, traffic, s3: place.named });
    this.isRemote ||= traffic === this.traffic && opened.folder === null;
    const store = retry(opened, runtime);
    const limited = Object.keys(rates).length > 0 ? throttle(store, runtime, rates) : store;
    return flags.readOnly ? readonly(limited) : limited;
  }

  /** `named`: a secret that the config file has for the place wins over all others. */
  async open(
    place: Place = this.place,
    store: Store = this.store(place),
    flags: Flags = this.flags,
    named = false,
  ): Promise<Repository> {
    const secret = await findSecret(flags, place, false, named);
    const cache = this.flags.cache === false ? {} : { cache: cacheBase() };
    return openRepository(store, secret, this.runtime, { ...cache, stored: this.stored });
  }

  /** A result: one line of JSON, or text; and what it took of the store. */
  say(result: HoldallEvent, text: string): void {
    const { total: requests, sent, received } = this.traffic;
    const lines = this.isRemote ? [text, this.used] : [text];
    this.output.say({ ...result, store: { requests, sent, received } }, lines.join("\n"));
  }

  /** The end of a listing. */
  end(): void {
    const { total: requests, sent, received } = this.traffic;
    if (this.isRemote && this.output.isEvents) {
      this.output.line(JSON.stringify({ event: "store", requests, sent, received }));
    }
    this.output.flush();
    if (this.isRemote && !this.flags.json && !this.flags.quiet) this.output.note(this.used);
  }

  private get used(): string {
    const { total, sent, received } = this.traffic;
    return `${count(total, "request")}; ${size(sent)} sent, ${size(received)} received`;
  }
}
