/**
 * Objects and ranges of them. Small ranges are read as aligned spans, a few of which are kept: what
 * lies beside what was asked for is mostly asked for next, and a request costs more than its bytes.
 *
 * Invariant: a kept span is of an object that was there, and objects never change; one that this
 * store removes is forgotten before.
 */
import { Failure } from "../../base/failure.ts";
import type { Range } from "../store.ts";
import type { Call, Client } from "./client.ts";
import type { Answer } from "./wire.ts";

/** Largest object that is read whole. */
const MOST_WHOLE = 1 << 30;
/** Bytes of a span: ranges of as many or more are read as they are. */
const SPAN = 128 << 10;
/** Spans that are kept: 8 MiB. */
const KEPT = 64;
const NOTHING = Promise.resolve(Buffer.alloc(0));

export interface Reads {
  /** The whole object, or exactly the range. */
  read(name: string, range?: Range, signal?: AbortSignal): Promise<Buffer>;
  forget(name: string): void;
}

export function openReads(client: Client): Reads {
  /** Larger ranges under way: two who need one block at once ask once. */
  const underWay = new Map<string, Promise<Buffer>>();
  const whole = (name: string, asked: Range, signal?: AbortSignal): Promise<Buffer> => {
    const key = `${asked.offset} ${asked.length} ${name}`;
    const other = underWay.get(key);
    if (other !== undefined) return other;
    const bytes = range(client, name, asked, signal).finally(() => underWay.delete(key));
    underWay.set(key, bytes);
    return bytes;
  };
  /** By name and number, the least recently used first. */
  const kept = new Map<string, Promise<Buffer>>();
  const keep = (key: string, span: Promise<Buffer>) => {
    kept.delete(key);
    kept.set(key, span);
    const [oldest] = kept.keys();
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
  };

  /** The spans from one number to another, in one request if none is kept. */
  function spans(name: string, from: number, to: number, signal?: AbortSignal): Promise<Buffer>[] {
    const numbers = Array.from({ length: to - from + 1 }, (_, at) => from + at);
    const keyOf = (number: number) => `${number} ${name}`;
    const lacking = numbers.filter((number) => !kept.has(keyOf(number)));
    const [first = 0] = lacking;
    const last = lacking.at(-1) ?? first;
    if (lacking.length > 0) {
      const asked = { offset: first * SPAN, length: (last - first + 1) * SPAN };
      const bytes = range(client, name, asked, signal);
      for (let number = first; number <= last; number++) {
        const at = (number - first) * SPAN;
        const span = bytes.then((all) => Buffer.from(all.subarray(at, at + SPAN)));
        keep(keyOf(number), span);
        span.catch(() => kept.delete(keyOf(number)));
      }
    }
    return numbers.map((number) => {
      const span = kept.get(keyOf(number)) ?? NOTHING;
      keep(keyOf(number), span);
      return span;
    });
  }

  return {
    async read(name, asked, signal) {
      if (asked === undefined) return (await client.ask(callOf(name, signal))).body;
      const { offset, length } = asked;
      if (length === 0) return Buffer.alloc(0);
      let bytes: Buffer;
      if (length >= SPAN) bytes = await whole(name, asked, signal);
      else {
        const first = Math.floor(offset / SPAN);
        const last = Math.floor((offset + length - 1) / SPAN);
        const [one = NOTHING, two = NOTHING] = spans(name, first, last, signal);
        const start = offset - first * SPAN;
        bytes = Buffer.concat(await Promise.all([one, two])).subarray(start, start + length);
      }
      if (bytes.length === length) return bytes;
      throw new Failure("damaged", `${client.what(name)}: is cut short`);
    },
    forget(name) {
      for (const key of kept.keys()) if (key.endsWith(` ${name}`)) kept.delete(key);
    },
  };
}

const callOf = (name: string, signal: AbortSignal | undefined): Call => ({
  ...{ kind: "get", doing: "read", method: "GET" },
  ...{ name, signal, most: MOST_WHOLE },
});

/** The range, or what of it the object has. */
function range(
  client: Client,
  name: string,
  { offset, length }: Range,
  signal?: AbortSignal,
): Promise<Buffer> {
  const headers = { range: `bytes=${offset}-${offset + length - 1}` };
  const call = { ...callOf(name, signal), headers };
  return client.again(async () =>
    part(await client.once(call), { offset, length }, client.what(name)),
  );
}

/** The range out of an answer that may hold it alone, or the whole object. */
function part({ status, headers, body }: Answer, { offset, length }: Range, what: string): Buffer {
  if (status === 200) return body.subarray(offset, offset + length);
  const [, from, to, all] =
    /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(headers["content-range"] ?? "") ?? [];
  if (status !== 206 || Number(from) !== offset || Number(to) - Number(from) + 1 !== body.length) {
    throw new Failure("store_io", `${what}: the store gave another range than was asked for`);
  }
  // Only an object that ends there is short; everything else was cut on the way.
  if (body.length === length || Number(all) === offset + body.length) return body;
  throw new Failure("store_io", `${what}: the range was cut short on the way`);
}
