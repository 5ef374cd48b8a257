/**
 * From what a server or the network said to a `Failure` that names the object and what is wrong.
 *
 * Of a server's answer only its error code is ever repeated, never its message: that may hold
 * anything.
 */
import { Failure, type FailureCode } from "../../base/failure.ts";
import { Told } from "../told.ts";
import type { Answer } from "./wire.ts";
import { type Element, parseXml, textOf } from "./xml.ts";

/** What was asked for, as messages name it. */
export interface Asked {
  readonly what: string;
  readonly doing: "put" | "read" | "list" | "remove" | "lock" | "probe";
  readonly region: string;
  readonly bucket: string;
}

type Row = readonly [FailureCode, string];

const SAID: Readonly<Record<string, Row>> = {
  SignatureDoesNotMatch: ["credentials", "the secret does not belong to the access key"],
  InvalidAccessKeyId: ["credentials", "the access key is not known there"],
  XAdminUserNotFound: ["credentials", "the access key is not known there"],
  ExpiredToken: ["credentials", "the credentials have expired; renew them and run again"],
  TokenRefreshRequired: ["credentials", "the credentials have expired; renew them and run again"],
  InvalidToken: ["credentials", "the session token is not accepted"],
  InvalidTokenId: ["credentials", "the session token is not accepted"],
  RequestTimeTooSkewed: ["clock_off", "the clocks of store and machine differ too much"],
  RequestExpired: ["clock_off", "the clocks of store and machine differ too much"],
  NoSuchBucket: ["no_repository", "there is no such bucket"],
  NoSuchKey: ["object_missing", "no such object"],
  PreconditionFailed: ["object_exists", "exists already"],
  InvalidRange: ["damaged", "is cut short"],
  QuotaExceeded: ["disk_full", "the quota is used up"],
  XMinioAdminBucketQuotaExceeded: ["disk_full", "the quota is used up"],
  XMinioStorageFull: ["disk_full", "the store is full"],
  InsufficientStorage: ["disk_full", "the store is full"],
  SlowDown: ["store_io", "the store is busy"],
  SlowDownRead: ["store_io", "the store is busy"],
  SlowDownWrite: ["store_io", "the store is busy"],
  ServiceUnavailable: ["store_io", "the store is busy"],
  RequestTimeout: ["store_io", "the store waited too long for the bytes"],
  OperationAborted: ["store_io", "something else happens to the object now"],
  ConditionalRequestConflict: ["store_io", "something else happens to the object now"],
  BadDigest: ["store_io", "the bytes were changed on the way"],
  XAmzContentSHA256Mismatch: ["store_io", "the bytes were changed on the way"],
  XAmzContentChecksumMismatch: ["store_io", "the bytes were changed on the way"],
  IncompleteBody: ["store_io", "the bytes were cut short on the way"],
  ObjectLocked: ["retained", "it is locked"],
};

const ELSEWHERE = [
  "AuthorizationHeaderMalformed",
  "PermanentRedirect",
  "TemporaryRedirect",
  "IllegalLocationConstraintException",
  "InvalidRegion",
];

/** What statuses mean where the body says nothing more. */
const STATUS: Readonly<Record<number, Row>> = {
  404: ["object_missing", "no such object"],
  412: ["object_exists", "exists already"],
  416: ["damaged", "is cut short"],
  429: ["store_io", "the store is busy"],
  503: ["store_io", "the store is busy"],
  507: ["disk_full", "the store is full"],
};

const ABSENT = ["", "NotFound", "NoSuchVersion"];

/** The failure that an answer other than success stands for. */
export function answerFailure(answer: Answer, asked: Asked, now: number): Failure {
  const { status, headers } = answer;
  const said = errorOf(answer);
  const word =
    said === null ? "" : (/^[A-Za-z0-9.]{1,64}$/.exec(textOf(said, "Code") ?? "")?.[0] ?? "");
  const told = new Told(status, word, waitOf(headers["retry-after"], now));
  const fail = ([code, message]: Row) => new Failure(code, `${asked.what}: ${message}`, told);
  if (ELSEWHERE.includes(word) || (status >= 300 && status < 400)) {
    return fail(["store_place", elsewhere(answer, said, asked)]);
  }
  const known = SAID[word];
  if (known?.[0] === "clock_off")
    return fail(["clock_off", `${known[1]}${skew(headers.date, now)}`]);
  if (known !== undefined) return fail(known);
  if (said === null && isPage(answer) && status < 500) {
    return fail(["store_answer", `${status}, and a page for people instead of an answer`]);
  }
  if (status === 403 || status === 401) {
    return fail([
      "credentials",
      `the credentials may not ${asked.doing} this${word && ` (${word})`}`,
    ]);
  }
  const other = STATUS[status];
  // Whatever else is not found, such as a user, is no missing object.
  if (other !== undefined && (status !== 404 || ABSENT.includes(word))) return fail(other);
  if (status >= 500 && status !== 501) {
    return fail(["store_io", `the store failed: ${status} ${word}`.trimEnd()]);
  }
  return fail(["store_refused", `the store refuses: ${status} ${word}`.trimEnd()]);
}

function elsewhere(answer: Answer, said: Element | null, { region, bucket }: Asked): string {
  const header = answer.headers["x-amz-bucket-region"];
  const there = (said && textOf(said, "Region")) ?? (Array.isArray(header) ? header[0] : header);
  if (there !== undefined && /^[a-z0-9-]{1,64}$/.test(there) && there !== region) {
    return `the bucket ${bucket} is in the region ${there}, not ${region}: set AWS_REGION=${there} or the field region`;
  }
  return `the store sends requests for ${bucket} elsewhere (${answer.status}); holdall does not follow`;
}

/** The document of an error; null where the body is none. */
function errorOf({ body }: Answer): Element | null {
  if (body.length === 0) return null;
  try {
    const root = parseXml(body.toString("utf8"));
    return root.name === "Error" ? root : null;
  } catch {
    return null;
  }
}

/** Whether somebody answers who speaks to people: a proxy, a portal, a web server. */
export function isPage({ headers, body }: Answer): boolean {
  return (
    /^text\/html/i.test(headers["content-type"] ?? "") ||
    /^\s*<(!doctype|html|head|body)/i.test(body.subarray(0, 64).toString("latin1"))
  );
}

function waitOf(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const wait = /^\d{1,6}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.max(0, wait) : 0;
}

function skew(date: string | undefined, now: number): string {
  const minutes = Math.round((now - Date.parse(date ?? "")) / 60_000);
  if (!Number.isFinite(minutes)) return "";
  return `: this machine is ${Math.abs(minutes)} minutes ${minutes < 0 ? "behind" : "ahead"}`;
}

const CERTIFICATE =
  /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH)/;

/** What the network's own errors mean. */
export function networkFailure(error: unknown, asked: Asked, signal: AbortSignal): Failure {
  if (error instanceof Failure) return error;
  if (signal.aborted) return new Failure("interrupted", "interrupted", error);
  const { code = "", message } = error as NodeJS.ErrnoException;
  const fail = (kind: FailureCode, text: string) =>
    new Failure(kind, `${asked.what}: ${text}`, new Told(0, code, 0, error));
  if (code === "EPROTO" || CERTIFICATE.test(code)) {
    return fail("certificate", `no trust in who answers there (${code})`);
  }
  if (code === "TOO_LONG") return fail("store_answer", message);
  if (code.startsWith("HPE_")) return fail("store_answer", "what answers there speaks no HTTP");
  const text = code === "SILENT" ? message : (NETWORK[code] ?? `the connection failed (${code})`);
  return fail("store_io", text);
}

const NETWORK: Readonly<Record<string, string>> = {
  ENOTFOUND: "no machine of this name is known",
  EAI_AGAIN: "the name service does not answer",
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  ETIMEDOUT: "nothing answers there",
  EHOSTUNREACH: "there is no way to it",
  ENETUNREACH: "there is no way to it",
};
