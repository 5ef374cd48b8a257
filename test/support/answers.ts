/** A wire whose answers a test writes: what no real server can be made to say. */
import { systemRuntime } from "../../src/base/runtime.ts";
import type { FarStore } from "../../src/store/deferred.ts";
import { openS3Store, type S3Options } from "../../src/store/s3/open.ts";
import { findPlace } from "../../src/store/s3/place.ts";
import type { Answer, Ask } from "../../src/store/s3/wire.ts";

export interface Scripted {
  readonly store: FarStore;
  /** What was asked for, as `METHOD /path?query`. */
  readonly asked: string[];
  readonly headers: Readonly<Record<string, string>>[];
  /** Pauses between attempts, in milliseconds; a clock moves by them. */
  readonly pauses: number[];
  readonly events: unknown[];
}

type Reply = (
  ask: Ask,
  number: number,
) => Partial<Omit<Answer, "body">> & { body?: string | Buffer };

/** A store on a wire that answers as `reply` says; what it throws is the network's failure. */
export function scripted(reply: Reply, options: S3Options = {}): Scripted {
  const [asked, pauses, events]: [string[], number[], unknown[]] = [[], [], []];
  const headers: Scripted["headers"] = [];
  let time = Date.parse("2026-11-25T00:00:00Z");
  const clock = {
    now: () => time,
    sleep: async (milliseconds: number) => {
      pauses.push(milliseconds);
      time += milliseconds;
    },
  };
  const runtime = { ...systemRuntime({ emit: (event) => events.push(event) }), clock };
  const wire = {
    exchange: async (ask: Ask): Promise<Answer> => {
      asked.push(`${ask.method} ${ask.url.pathname}${ask.url.search}`);
      headers.push(ask.headers);
      const { status = 200, headers: said = {}, body = "" } = reply(ask, asked.length);
      return { status, headers: said, body: Buffer.from(body) };
    },
    [Symbol.dispose]() {},
  };
  const place = findPlace("//bucket/pre", { endpoint: "http://127.0.0.1:1" });
  const first = { accessKeyId: "AKEY", secretAccessKey: "first-secret" };
  const store = openS3Store(place, first, { runtime, wire, ...options });
  return { store, asked, headers, pauses, events };
}

/** An error document of S3. */
export const said = (status: number, code: string, more = "") => ({
  status,
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message>${more}</Error>`,
});

/** A page of a listing. */
export const page = (keys: readonly string[], next?: string, more = "") => ({
  body: `<ListBucketResult>${keys
    .map((key) => `<Contents><Key>${key}</Key><Size>3</Size></Contents>`)
    .join("")}<IsTruncated>${next !== undefined}</IsTruncated>${
    next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`
  }${more}</ListBucketResult>`,
});
