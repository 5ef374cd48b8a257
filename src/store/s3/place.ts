/**
 * Where a repository lies: `s3://bucket/prefix`, an endpoint, and how the two become URLs.
 *
 * Invariants: keys are of the safe alphabet, so that no client, proxy or server reads them in
 * another way; plain http leads to this machine only, unless it is allowed by name.
 */
import { Failure } from "../../base/failure.ts";

export interface Place {
  readonly bucket: string;
  /** Empty, or ends in a slash. */
  readonly prefix: string;
  readonly region: string;
  /** For messages. */
  readonly description: string;
  /** The URL of a key, or of the bucket for an empty one; the query is encoded here. */
  url(key: string, query?: Readonly<Record<string, string>>): URL;
}

export interface Whereabouts {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly addressing?: string | undefined;
  readonly plainHttp?: boolean;
}

const SEGMENT = /^[A-Za-z0-9._-]{1,255}$/;
const MOST_KEY = 1024;

/** Whether any client and server agree on this key. */
export function isSafeKey(key: string): boolean {
  const segments = key.split("/");
  return (
    key.length <= MOST_KEY && segments.every((s) => SEGMENT.test(s) && s !== "." && s !== "..")
  );
}

/** `//bucket/prefix` and where it is asked for. */
export function findPlace(address: string, where: Whereabouts): Place {
  // A key in an address would be seen in the process list: it is not even repeated here.
  if (address.includes("@")) {
    throw new Failure("usage", "s3: credentials do not belong in an address");
  }
  const [, bucket = "", rest = ""] = /^\/\/([^/]*)\/?(.*?)\/?$/s.exec(address) ?? [];
  if (!/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket)) {
    throw new Failure("usage", `s3:${address}: no name of a bucket; it is s3://BUCKET/PREFIX`);
  }
  if (rest !== "" && !isSafeKey(rest)) {
    throw new Failure("usage", `s3:${address}: a prefix is of letters, digits and . _ - / only`);
  }
  const region = where.region ?? "us-east-1";
  if (!/^[a-z0-9-]{1,64}$/.test(region)) throw new Failure("config", `${region}: no region`);
  const base = baseUrl(bucket, region, where);
  return {
    bucket,
    prefix: rest === "" ? "" : `${rest}/`,
    region,
    description: `s3://${bucket}${rest && "/"}${rest}${where.endpoint ? ` (${base.host})` : ""}`,
    url(key, query = {}) {
      const url = new URL(base);
      url.pathname = key === "" ? base.pathname : `${base.pathname.replace(/\/$/, "")}/${key}`;
      url.search = Object.entries(query)
        .map(([name, value]) => `${name}=${encode(value)}`)
        .join("&");
      return url;
    },
  };
}

function encode(value: string): string {
  const more = (c: string) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(value).replace(/[!'()*]/g, more);
}

/** The bucket's own URL. */
function baseUrl(bucket: string, region: string, where: Whereabouts): URL {
  const { endpoint = `https://s3.${region}.amazonaws.com`, addressing } = where;
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    throw new Failure("config", `${endpoint}: no URL of an endpoint, such as https://host:9000`);
  }
  if (url.username || url.password) {
    throw new Failure(
      "config",
      "the endpoint's URL has credentials in it; give them by themselves",
    );
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new Failure("config", `${endpoint}: an endpoint is https or http`);
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname) && !where.plainHttp) {
    throw new Failure(
      "config",
      `${endpoint}: plain http shows everybody on the way what is asked for; use https, or say plainHttp`,
    );
  }
  if (addressing !== undefined && addressing !== "path" && addressing !== "host") {
    throw new Failure("config", `${addressing}: addressing is path or host`);
  }
  // A dot in the bucket's name would leave the certificate's star behind.
  const byHost = addressing === "host" || (!addressing && !where.endpoint && !bucket.includes("."));
  if (byHost) url.hostname = `${bucket}.${url.hostname}`;
  else url.pathname = `${url.pathname.replace(/\/$/, "")}/${bucket}`;
  return url;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
