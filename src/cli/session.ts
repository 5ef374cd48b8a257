/** One command's run: signals, output and the opened repository. */
import { availableParallelism } from "node:os";
import {
  type HoldallEvent,
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
import { byteCount, integer } from "./arguments.ts";
import { interruptSignal } from "./interrupt.ts";
import { Output, type Style } from "./output.ts";
import { cacheBase, type Flags, findRepository, findSecret, type Place } from "./settings.ts";
import { count, size } from "./words.ts";

export class Session {
  readonly flags: Flags;
  readonly runtime: Runtime;
  readonly place: Place;
  readonly output: Output;
  private readonly traffic = new Traffic();
  private isRemote = false;

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

  store(): Store {
    const { flags, place } = this;
    const rate = (name: keyof Rates, text: string | undefined): Partial<Rates> =>
      text === undefined ? {} : { [name]: byteCount(text, "rate") };
    const rates = {
      ...rate("up", flags.limitUpload ?? place.named.limitUpload),
      ...rate("down", flags.limitDownload ?? place.named.limitDownload),
    };
    const { runtime, traffic } = this;
    const opened = openStore(place.address, { runtime, traffic, s3: place.named });
    this.isRemote = opened.folder === null;
    const store = retry(opened, runtime);
    const limited = Object.keys(rates).length > 0 ? throttle(store, this.runtime, rates) : store;
    return flags.readOnly ? readonly(limited) : limited;
  }

  async open(): Promise<Repository> {
    const secret = await findSecret(this.flags, this.place);
    const options = this.flags.cache === false ? {} : { cache: cacheBase() };
    return openRepository(this.store(), secret, this.runtime, options);
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
