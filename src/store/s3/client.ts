/**
 * Requests to one bucket: signed, counted, as many at once as the server bears, and repeated.
 *
 * Invariants: the payload hash of every request is signed; no message, event or failure holds a
 * secret, a signature or a token.
 */
import aws4 from "aws4";
import type { Body } from "../../base/body.ts";
import { Failure } from "../../base/failure.ts";
import type { Runtime } from "../../base/runtime.ts";
import { type Again, again, type Patience } from "../retry.ts";
import { toldOf } from "../told.ts";
import type { Request, Traffic } from "../traffic.ts";
import type { Credentials } from "./credentials.ts";
import { type Asked, answerFailure, isPage, networkFailure } from "./failure.ts";
import { openGate } from "./gate.ts";
import type { Place } from "./place.ts";
import { sha256 } from "./sums.ts";
import type { Answer, Wire } from "./wire.ts";

export interface Call {
  readonly kind: Request;
  readonly doing: Asked["doing"];
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Object name without the repository's prefix; null for the bucket itself. */
  readonly name: string | null;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** SHA-256 of the body, which has to be known of one that is read piece by piece. */
  readonly hash?: Buffer | undefined;
  /** Most bytes of the answer. */
  readonly most?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Client {
  readonly place: Place;
  readonly runtime: Runtime;
  /** One request; fails with what the answer means when that is no success. */
  once(call: Call): Promise<Answer>;
  /** The same, repeated as patience allows. */
  ask(call: Call): Promise<Answer>;
  /** Repeats an act made of single requests. */
  readonly again: Again;
  /** How an object is called in messages. */
  what(name: string | null): string;
  /** What failures are to say of a call. */
  asked(call: Call): Asked;
}

export interface ClientParts {
  readonly place: Place;
  readonly runtime: Runtime;
  readonly wire: Wire;
  readonly traffic: Traffic;
  readonly credentials: Credentials;
  /** Looks for credentials again, when those there were have expired. */
  renew(): Credentials;
  readonly patience: Partial<Patience>;
}

/** Outages of a quarter of an hour are ridden out. */
const PATIENCE: Patience = {
  attempts: 12,
  longestPause: 20_000,
  outage: 16 * 60_000,
  atFirst: 20_000,
};
const MOST_ANSWER = 8 << 20;
const NOTHING = sha256(Buffer.alloc(0));

export function openClient(parts: ClientParts): Client {
  const { place, runtime, wire, traffic } = parts;
  let { credentials } = parts;
  const gate = openGate();
  const patience = { ...PATIENCE, ...parts.patience };
  const repeat = again(runtime, patience);
  const what = (name: string | null) =>
    name === null ? place.description : `${place.description}: ${name}`;

  const asked = ({ doing, name }: Call): Asked => ({
    what: what(name),
    doing,
    region: place.region,
    bucket: place.bucket,
  });

  async function exchange(call: Call, about: Asked): Promise<Answer> {
    const { method, name, query, body, signal = runtime.signal } = call;
    const key = name === null ? "" : place.prefix + name;
    const url = place.url(key, query);
    const headers = sign(call, url, place.region, credentials, runtime.clock.now());
    const most = call.most ?? MOST_ANSWER;
    let received = 0;
    try {
      signal.throwIfAborted();
      const answer = await wire.exchange({ method, url, headers, body, signal, most });
      received = answer.body.length;
      if (answer.status >= 200 && answer.status < 300) return trusted(answer, about);
      throw answerFailure(answer, about, runtime.clock.now());
    } catch (error) {
      throw networkFailure(error, about, signal);
    } finally {
      traffic.add(call.kind, body?.length ?? 0, received);
    }
  }

  async function once(call: Call): Promise<Answer> {
    const run = () =>
      gate.run(
        () => exchange(call, asked(call)),
        (error) => toldOf(error)?.busy === true,
      );
    const used = credentials;
    try {
      return await run();
    } catch (error) {
      if (!hasExpired(error)) throw error;
      // Whoever renews credentials writes them where these were found.
      if (used === credentials) credentials = parts.renew();
      if (
        credentials.accessKeyId === used.accessKeyId &&
        credentials.sessionToken === used.sessionToken
      )
        throw error;
      return run();
    }
  }

  /** What patience did not help: whoever is above does not repeat it again. */
  const lasting: Again = async (act) => {
    let attempts = 0;
    try {
      return await repeat((attempt) => {
        attempts = attempt;
        return act(attempt);
      });
    } catch (error) {
      if (!(error instanceof Failure && error.retryable)) throw error;
      const message = `${error.message}; given up after ${attempts} attempts`;
      throw new Failure("store_down", message, error.cause);
    }
  };
  const ask = (call: Call) => lasting(() => once(call));
  return { place, runtime, once, ask, again: lasting, what, asked };
}

const hasExpired = (error: unknown) =>
  ["ExpiredToken", "TokenRefreshRequired"].includes(toldOf(error)?.word ?? "");

/** A success that speaks to people comes from somebody else; so does one that was recoded. */
function trusted(answer: Answer, { what }: Asked): Answer {
  if (isPage(answer) || answer.headers["content-encoding"] !== undefined) {
    throw new Failure("store_answer", `${what}: somebody else than the store answers`);
  }
  return answer;
}

function sign(
  { method, body, headers = {}, hash }: Call,
  url: URL,
  region: string,
  credentials: Credentials,
  now: number,
): Record<string, string> {
  const length = body === undefined ? {} : { "content-length": String(body.length) };
  const payload = hash ?? (body instanceof Uint8Array ? sha256(body) : NOTHING);
  const signed = aws4.sign(
    {
      service: "s3",
      region,
      method,
      path: url.pathname + url.search,
      headers: {
        ...headers,
        ...length,
        host: url.host,
        "x-amz-content-sha256": payload.toString("hex"),
        "x-amz-date": new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, ""),
      },
    },
    credentials,
  );
  return signed.headers as Record<string, string>;
}
