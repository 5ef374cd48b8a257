/** Runs one native job: its puts and gets go to the store, its rows and troubles to the caller. */
import type { Body } from "../base/body.ts";
import { Failure, toFailure } from "../base/failure.ts";
import {
  type Index,
  type Job,
  type JobEvent,
  type JobSpec,
  type Keyring,
  native,
} from "./native.ts";
import { spooled } from "./spool.ts";

export interface JobStore {
  /** `pages`: a pack that holds pages and no data. */
  put(kind: "pack" | "index", name: string, bytes: Body, pages: boolean): Promise<unknown>;
  /** `other`: the pack is the source's of a transfer. */
  fetch(pack: string, offset: number, length: number, other: boolean): Promise<Buffer>;
}

export interface JobWatch {
  rows?(bytes: Buffer): void;
  trouble?(path: Buffer, message: string): void;
  /** Called about four times a second, and at the end, with the job's counters. */
  progress?(counters: number[]): void;
}

const TICK = 250;

/** A repository as the core sees it. */
export interface Side {
  readonly keyring: Keyring;
  readonly index: Index;
}

/** Resolves with the job's result when everything it put is durable. */
export function runJob<T>(
  { keyring, index }: Side,
  spec: JobSpec,
  store: JobStore,
  watch: JobWatch,
  signal: AbortSignal,
): Promise<T> {
  return follow((on) => native.start(keyring, index, spec, on), store, watch, signal);
}

/** The same for a job that reads one repository and writes another. */
export function runTransfer<T>(
  from: Side,
  to: Side,
  spec: JobSpec,
  store: JobStore,
  watch: JobWatch,
  signal: AbortSignal,
): Promise<T> {
  const begin = (on: (event: JobEvent) => void) =>
    native.transfer(from.keyring, from.index, to.keyring, to.index, spec, on);
  return follow(begin, store, watch, signal);
}

function follow<T>(
  begin: (on: (event: JobEvent) => void) => Job,
  store: JobStore,
  watch: JobWatch,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let failure: Failure | undefined;
    const said = (error: unknown): string => {
      failure ??= toFailure(error);
      return failure.message;
    };
    const put = (
      request: number,
      kind: "pack" | "index",
      name: string,
      bytes: Body,
      pages: boolean,
    ) => {
      store.put(kind, name, bytes, pages).then(
        () => job.reply(request, null),
        (error: unknown) => job.reply(request, said(error)),
      );
    };
    const act: { [K in JobEvent["event"]]: (event: Extract<JobEvent, { event: K }>) => void } = {
      put: ({ request, kind, pages, name, bytes }) => put(request, kind, name, bytes, pages),
      spooled: ({ request, pages, name, file, length }) =>
        put(request, "pack", name, spooled(file, length), pages),
      fetch: ({ request, name, offset, length, other }) => {
        store.fetch(name, offset, length, other).then(
          (bytes) => job.give(request, bytes, null),
          (error: unknown) => {
            // What stops one object stops only what needs it.
            const { code, message } = toFailure(error);
            const lost = code === "object_missing" || code === "damaged";
            job.give(request, null, lost ? message : said(error), lost);
          },
        );
      },
      rows: ({ bytes }) => watch.rows?.(bytes),
      trouble: ({ path, message }) => watch.trouble?.(path, message),
      done: ({ result, error }) => {
        clearInterval(timer);
        signal.removeEventListener("abort", cancel);
        watch.progress?.(job.progress());
        if (result !== undefined) resolve(JSON.parse(result) as T);
        else
          reject(
            signal.aborted
              ? new Failure("interrupted", "interrupted")
              : (failure ?? toFailure(error)),
          );
      },
    };
    const job = begin((event) => (act[event.event] as (e: JobEvent) => void)(event));
    const cancel = () => job.cancel();
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    const timer = setInterval(() => watch.progress?.(job.progress()), TICK);
  });
}
