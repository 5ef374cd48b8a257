/**
 * A server of our own that speaks S3, for what no real one can be made to do: a script says which
 * request meets which fault. Real sockets, in this process.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecure } from "node:https";
import type { AddressInfo } from "node:net";
import { systemRuntime } from "../../src/base/runtime.ts";
import type { FarStore } from "../../src/store/deferred.ts";
import { openS3Store, type S3Options } from "../../src/store/s3/open.ts";
import { findPlace } from "../../src/store/s3/place.ts";
import { openWire } from "../../src/store/s3/wire.ts";
import { type Asked, answerOf, type Bucket, error, openBucket, type Said } from "./fake_bucket.ts";

/** What a request is, of those that faults tell apart. */
export type Kind =
  | ("put" | "part" | "begin" | "join" | "get" | "head" | "remove" | "abort")
  | ("list" | "uploads" | "lock");

export interface Seen extends Asked {
  readonly kind: Kind;
  /** From 1, since the script began. */
  readonly number: number;
}

/** One request and its socket, in the hands of a fault. */
export interface Exchange {
  readonly seen: Seen;
  readonly bucket: Bucket;
  /** What the request asks for happens, with other headers if given. */
  act(headers?: Asked["headers"]): Said;
  send(said: Said): void;
  /** The headers and a part of the body, and then the connection is cut. */
  sendHalf(said: Said): void;
  cut(): void;
}

export type Fault = (exchange: Exchange) => void;

export interface FakeS3 extends Disposable {
  readonly endpoint: string;
  readonly bucket: Bucket;
  seen: Seen[];
  script: (seen: Seen) => Fault | undefined;
  open(options?: Omit<S3Options, "settings">): FarStore;
}

interface FakeOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The server's own time. */
  now?(): number;
}

export const KEYS = { accessKeyId: "FAKEKEY", secretAccessKey: "fake-secret-fake-secret" };
const REGION = "us-east-1";
const LATEST = 15 * 60_000;
/** How long a silent server is waited for: silence costs this in earnest. */
const SILENCE = 400;

function kindOf({ method, key, query }: Asked): Kind {
  if (key === "")
    return query.has("uploads") ? "uploads" : query.has("list-type") ? "list" : "lock";
  if (method === "PUT") return query.has("uploadId") ? "part" : "put";
  if (method === "POST") return query.has("uploads") ? "begin" : "join";
  if (method === "DELETE") return query.has("uploadId") ? "abort" : "remove";
  return method === "HEAD" ? "head" : "get";
}

/** Why somebody may not ask; null where he may. */
function refused(headers: Asked["headers"], bucket: string, now: number): Said | null {
  const [, id, region] =
    /Credential=([^/]+)\/\d+\/([^/]+)\//.exec(`${headers.authorization}`) ?? [];
  if (id !== KEYS.accessKeyId) return error(403, "InvalidAccessKeyId");
  if (region !== REGION) {
    return error(400, "AuthorizationHeaderMalformed", `<Region>${REGION}</Region>`);
  }
  const [, y, mo, d, h, mi, s] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(`${headers["x-amz-date"]}`) ?? [];
  const at = Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
  if (!(Math.abs(at - now) < LATEST)) return error(403, "RequestTimeTooSkewed");
  return bucket === "bucket" ? null : error(404, "NoSuchBucket");
}

/** Starts a server with an empty bucket called `bucket`. */
export async function startFake(options: FakeOptions = {}): Promise<FakeS3> {
  const now = options.now ?? Date.now;
  const bucket = openBucket();
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { method = "", headers } = request;
    const { pathname, searchParams: query } = new URL(request.url ?? "", "http://fake");
    const [, own = "", key = ""] = /^\/([^/]*)\/?(.*)$/.exec(pathname) ?? [];
    const asked = {
      method,
      key: decodeURIComponent(key),
      query,
      headers,
      body: Buffer.concat(parts),
    };
    const seen = { ...asked, kind: kindOf(asked), number: fake.seen.length + 1 };
    fake.seen.push(seen);
    const write = ({ status, headers: more, body }: Said, most: number) => {
      const length = { "content-length": body.length, date: new Date(now()).toUTCString() };
      response.writeHead(status, status === 204 ? more : { ...length, ...more });
      const some = body.subarray(0, most);
      if (method === "HEAD" || status === 204) response.end();
      else if (most < body.length) response.write(some, () => request.socket.destroy());
      else response.end(some);
    };
    const exchange: Exchange = {
      seen,
      bucket,
      act: (other = headers) =>
        refused(headers, own, now()) ?? answerOf(bucket, { ...asked, headers: other }),
      send: (said) => write(said, Number.POSITIVE_INFINITY),
      sendHalf: (said) => write(said, said.body.length >> 1),
      cut: () => request.socket.destroy(),
    };
    const fault = fake.script(seen);
    if (fault === undefined) exchange.send(exchange.act());
    else fault(exchange);
  }
  // A client that goes away while it sends is a client's matter.
  const take = (q: IncomingMessage, r: ServerResponse) => void serve(q, r).catch(() => undefined);
  const server = options.tls ? createSecure(options.tls, take) : createServer(take);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint = `${options.tls ? "https" : "http"}://127.0.0.1:${port}`;
  const fake: FakeS3 = {
    endpoint,
    bucket,
    seen: [],
    script: () => undefined,
    open(more = {}) {
      const { runtime = systemRuntime(), wire = openWire(SILENCE) } = more;
      const settings = { ...KEYS, region: REGION, endpoint };
      const place = findPlace("//bucket/pre", settings);
      return openS3Store(place, settings, { ...more, settings, runtime, wire });
    },
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
  return fake;
}
