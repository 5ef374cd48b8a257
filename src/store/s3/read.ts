/** Objects and ranges of them. */
import { Failure } from "../../base/failure.ts";
import type { Range } from "../store.ts";
import type { Call, Client } from "./client.ts";
import type { Answer } from "./wire.ts";

/** Largest object that is read whole. */
const MOST_WHOLE = 1 << 30;

/** The whole object, or exactly the range. */
export async function read(
  client: Client,
  name: string,
  range?: Range,
  signal?: AbortSignal,
): Promise<Buffer> {
  const call: Call = { kind: "get", doing: "read", method: "GET", name, signal, most: MOST_WHOLE };
  if (range === undefined) return (await client.ask(call)).body;
  if (range.length === 0) return Buffer.alloc(0);
  const last = range.offset + range.length - 1;
  const headers = { range: `bytes=${range.offset}-${last}` };
  return client.again(async () =>
    part(await client.once({ ...call, headers }), range, client.what(name)),
  );
}

/** The range out of an answer that may hold it alone, or the whole object. */
function part({ status, headers, body }: Answer, { offset, length }: Range, what: string): Buffer {
  if (status === 200) {
    if (body.length < offset + length) throw new Failure("damaged", `${what}: is cut short`);
    return body.subarray(offset, offset + length);
  }
  const [, from, to, all] =
    /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(headers["content-range"] ?? "") ?? [];
  if (status !== 206 || Number(from) !== offset || Number(to) - Number(from) + 1 !== body.length) {
    throw new Failure("store_io", `${what}: the store gave another range than was asked for`);
  }
  if (body.length === length) return body;
  // Only an object that ends there is short; everything else was cut on the way.
  if (Number(all) === offset + body.length) throw new Failure("damaged", `${what}: is cut short`);
  throw new Failure("store_io", `${what}: the range was cut short on the way`);
}
