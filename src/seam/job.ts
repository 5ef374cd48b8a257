/** Runs one native job: its puts and gets go to the store, its rows and troubles to the caller. */
import { Failure, toFailure } from "../base/failure.ts";
import {
  type Index,
  type Job,
  type JobEvent,
  type JobSpec,
  type Keyring,
  native,
} from "./native.ts";

export interface JobStore {
  put(kind: "pack" | "index", name: string, bytes: Buffer): Promise<unknown>;
  fetch(pack: string, offset: number, length: number): Promise<Buffer>;
}

export interface JobWatch {
  rows?(bytes: Buffer): void;
  trouble?(path: Buffer, message: string): void;
  /** Called about four times a second, and at the end, with the job's counters. */
  progress?(counters: number[]): void;
}

const TICK = 250;

/** Resolves with the job's result when everything it put is durable. */
export function runJob<T>(
  keyring: Keyring,
  index: Index,
  spec: JobSpec,
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
    const act: { [K in JobEvent["event"]]: (event: Extract<JobEvent, { event: K }>) => void } = {
      put: ({ request, kind, name, bytes }) => {
        store.put(kind, name, bytes).then(
          () => job.reply(request, null),
          (error: unknown) => job.reply(request, said(error)),
        );
      },
      fetch: ({ request, name, offset, length }) => {
        store.fetch(name, offset, length).then(
          (bytes) => job.give(request, bytes, null),
          (error: unknown) => job.give(request, null, said(error)),
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
    const job: Job = native.start(keyring, index, spec, (event) =>
      (act[event.event] as (e: JobEvent) => void)(event),
    );
    const cancel = () => job.cancel();
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    const timer = setInterval(() => watch.progress?.(job.progress()), TICK);
  });
}
