/** What can go wrong with one request to a store afar, by name, and which requests meet it. */
import { error, type Said, say } from "./fake_bucket.ts";
import type { Exchange, Fault, Kind } from "./fake_s3.ts";

export interface NamedFault {
  readonly name: string;
  /** The requests that it makes sense for; every kind if not given. */
  readonly kinds?: readonly Kind[];
  readonly fault: Fault;
}

const WRITES = ["put", "part", "begin", "join"] as const;
const PAGE = "<!DOCTYPE html><html><h1>Log in</h1></html>";
const instead =
  (said: Said): Fault =>
  ({ send }) =>
    send(said);

/** The effect happens, and then this. */
const after =
  (then: (exchange: Exchange) => void): Fault =>
  (exchange) => {
    exchange.act();
    then(exchange);
  };

const silent = () => undefined;
const changed = (said: Said, change: (text: string) => string): Said => ({
  ...said,
  body: Buffer.from(change(said.body.toString())),
});
const listing =
  (change: (text: string) => string): Fault =>
  ({ act, send }) =>
    send(changed(act(), change));
const ROW = /<Contents>.*?<\/Contents>/;

/** A body of which one bit is another, as no checksum of the network noticed. */
const corrupted: Fault = ({ act, send }) => {
  const said = act();
  const body = Buffer.from(said.body);
  body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
  send({ ...said, body: said.body.length === 0 ? said.body : body });
};

/** The newest key is not there yet; the page is counted right. */
const stale: Fault = ({ seen, bucket, act, send }) => {
  const last = [...bucket.objects].filter(([key]) =>
    key.startsWith(seen.query.get("prefix") ?? ""),
  );
  const [key, object] = last.at(-1) ?? [];
  if (key === undefined || object === undefined) return send(act());
  bucket.objects.delete(key);
  const said = act();
  bucket.objects.set(key, object);
  send(said);
};

const elsewhere = (status: number, headers: Record<string, string>) =>
  instead({ ...error(status, "PermanentRedirect", "<Region>eu-west-1</Region>"), headers });

export const FAULTS: readonly NamedFault[] = [
  { name: "500", fault: instead(error(500, "InternalError")) },
  { name: "500 after", fault: after(instead(error(500, "InternalError"))) },
  { name: "503", fault: instead(say(503)) },
  { name: "503 later", fault: instead(say(503, { "retry-after": "2" })) },
  { name: "SlowDown", fault: instead(error(503, "SlowDown")) },
  { name: "silence", fault: silent },
  { name: "silence after", fault: after(silent) },
  { name: "cut", fault: ({ cut }) => cut() },
  { name: "cut after", fault: after(({ cut }) => cut()) },
  { name: "body cut", kinds: ["get", "list", "begin", "join"], fault: (e) => e.sendHalf(e.act()) },
  { name: "twice", fault: after(({ act, send }) => send(act())) },
  { name: "late", fault: ({ act, send }) => void setTimeout(() => send(act()), 20) },
  {
    name: "wrong checksum",
    kinds: ["put", "part", "head"],
    fault: ({ act, send }) => {
      const said = act();
      const sum = { "x-amz-checksum-sha256": Buffer.alloc(32, 7).toString("base64") };
      send({ ...said, headers: { ...said.headers, ...sum } });
    },
  },
  { name: "corrupted", kinds: ["get"], fault: corrupted },
  { name: "stale listing", kinds: ["list"], fault: stale },
  { name: "row twice", kinds: ["list"], fault: listing((t) => t.replace(ROW, "$&$&")) },
  { name: "row skipped", kinds: ["list"], fault: listing((t) => t.replace(ROW, "")) },
  {
    name: "page without next",
    kinds: ["list"],
    fault: listing((t) => t.replace("<IsTruncated>false", "<IsTruncated>true")),
  },
  {
    name: "condition ignored",
    kinds: ["put", "join"],
    fault: ({ seen, act, send }) => send(act({ ...seen.headers, "if-none-match": undefined })),
  },
  { name: "nothing done", kinds: [...WRITES, "remove"], fault: instead(say(200)) },
  {
    name: "error in 200",
    kinds: WRITES,
    fault: instead({ ...error(500, "InternalError"), status: 200 }),
  },
  { name: "page for people", fault: instead(say(200, { "content-type": "text/html" }, PAGE)) },
  { name: "redirect", fault: instead(say(307, { location: "http://127.0.0.1:9/" })) },
  { name: "quota", kinds: WRITES, fault: instead(error(403, "QuotaExceeded")) },
  { name: "expired", fault: instead(error(400, "ExpiredToken")) },
  { name: "clock", fault: instead(error(403, "RequestTimeTooSkewed")) },
  { name: "region 301", fault: elsewhere(301, { "x-amz-bucket-region": "eu-west-1" }) },
  {
    name: "region 400",
    fault: instead(error(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")),
  },
];

export const faultsOf = (kind: Kind) =>
  FAULTS.filter(({ kinds }) => kinds === undefined || kinds.includes(kind));
