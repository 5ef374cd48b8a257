/**
 * One bucket in memory that means what S3 means: what an answer has to be, no sockets.
 *
 * It knows conditions, checksums, ranges, pages and uploads in parts; of a signature only who says
 * to have made it, where and when: whether it is right, real servers tell.
 */
import { createHash } from "node:crypto";
import { escaped } from "../../src/store/s3/xml.ts";

export interface Asked {
  readonly method: string;
  /** Key inside of the bucket; empty for the bucket itself. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Said {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

interface Stored {
  readonly bytes: Buffer;
  readonly sum: string;
}

export interface Bucket {
  objects: Map<string, Stored>;
  uploads: Map<string, { key: string; parts: Map<number, Buffer> }>;
  begun: number;
  /** Keys of one page of a listing. */
  page: number;
}

const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
const tag = (bytes: Uint8Array) => `"${hash(bytes).toString("hex").slice(0, 32)}"`;

export const say = (status: number, headers: Record<string, string> = {}, body = ""): Said => ({
  status,
  headers,
  body: Buffer.from(body),
});

/** An error as S3 tells it. */
export const error = (status: number, code: string, more = ""): Said =>
  say(
    status,
    { "content-type": "application/xml" },
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message>${more}</Error>`,
  );

const xml = (text: string) => say(200, { "content-type": "application/xml" }, text);

export const openBucket = (): Bucket => ({
  objects: new Map(),
  uploads: new Map(),
  begun: 1,
  page: 1000,
});

const forbids = (bucket: Bucket, { headers, key }: Asked) =>
  headers["if-none-match"] === "*" && bucket.objects.has(key);

/** What is wrong with the bytes on their way; null where nothing is. */
function torn({ headers, body }: Asked): Said | null {
  if (headers["x-amz-content-sha256"] !== hash(body).toString("hex")) {
    return error(400, "XAmzContentSHA256Mismatch");
  }
  const sum = headers["x-amz-checksum-sha256"];
  if (sum !== undefined && sum !== hash(body).toString("base64")) return error(400, "BadDigest");
  return null;
}

function put(bucket: Bucket, asked: Asked): Said {
  const wrong = torn(asked);
  if (wrong !== null) return wrong;
  const upload = bucket.uploads.get(asked.query.get("uploadId") ?? "");
  const headers = {
    etag: tag(asked.body),
    "x-amz-checksum-sha256": hash(asked.body).toString("base64"),
  };
  if (asked.query.has("uploadId")) {
    if (upload === undefined) return error(404, "NoSuchUpload");
    upload.parts.set(Number(asked.query.get("partNumber")), asked.body);
    return say(200, headers);
  }
  if (forbids(bucket, asked)) return error(412, "PreconditionFailed");
  bucket.objects.set(asked.key, { bytes: asked.body, sum: headers["x-amz-checksum-sha256"] });
  return say(200, headers);
}

function begin(bucket: Bucket, { key }: Asked): Said {
  const id = `upload-${bucket.begun++}`;
  bucket.uploads.set(id, { key, parts: new Map() });
  return xml(
    `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
  );
}

function join(bucket: Bucket, asked: Asked): Said {
  const id = asked.query.get("uploadId") ?? "";
  const upload = bucket.uploads.get(id);
  if (upload === undefined) return error(404, "NoSuchUpload");
  if (forbids(bucket, asked)) return error(412, "PreconditionFailed");
  const wanted = [
    ...asked.body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)</g),
  ];
  const parts: Buffer[] = [];
  for (const [, number, etag] of wanted) {
    const part = upload.parts.get(Number(number));
    if (part === undefined || escaped(tag(part)) !== etag) return error(400, "InvalidPart");
    parts.push(part);
  }
  const sum = `${hash(Buffer.concat(parts.map(hash))).toString("base64")}-${parts.length}`;
  bucket.objects.set(asked.key, { bytes: Buffer.concat(parts), sum });
  bucket.uploads.delete(id);
  return xml(
    `<CompleteMultipartUploadResult><ChecksumSHA256>${sum}</ChecksumSHA256></CompleteMultipartUploadResult>`,
  );
}

function read(bucket: Bucket, { key, headers }: Asked): Said {
  const found = bucket.objects.get(key);
  if (found === undefined) return error(404, "NoSuchKey");
  const { bytes, sum } = found;
  const all = { etag: tag(bytes), "x-amz-checksum-sha256": sum };
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(String(headers.range ?? "")) ?? [];
  if (from === undefined) return { status: 200, headers: all, body: bytes };
  if (Number(from) >= bytes.length) return error(416, "InvalidRange");
  const body = bytes.subarray(Number(from), Number(to) + 1);
  const range = `bytes ${from}-${Number(from) + body.length - 1}/${bytes.length}`;
  return { status: 206, headers: { etag: tag(bytes), "content-range": range }, body };
}

function list(bucket: Bucket, { query }: Asked): Said {
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? "";
  const keys = [...bucket.objects.keys()].filter((k) => k.startsWith(prefix) && k > after).sort();
  const rows = keys.slice(0, bucket.page);
  const last = rows.at(-1) ?? "";
  const texts = rows.map((key) => {
    const length = bucket.objects.get(key)?.bytes.length;
    return `<Contents><Key>${encodeURIComponent(key)}</Key><Size>${length}</Size></Contents>`;
  });
  const next = `<NextContinuationToken>${escaped(last)}</NextContinuationToken>`;
  const more = keys.length > rows.length;
  return xml(
    `<ListBucketResult><EncodingType>url</EncodingType><KeyCount>${rows.length}</KeyCount><IsTruncated>${more}</IsTruncated>${more ? next : ""}${texts.join("")}</ListBucketResult>`,
  );
}

function uploads(bucket: Bucket, { query }: Asked): Said {
  const ours = [...bucket.uploads].filter(([, { key }]) =>
    key.startsWith(query.get("prefix") ?? ""),
  );
  const rows = ours.map(
    ([id, { key }]) => `<Upload><Key>${escaped(key)}</Key><UploadId>${id}</UploadId></Upload>`,
  );
  return xml(`<ListMultipartUploadsResult>${rows.join("")}</ListMultipartUploadsResult>`);
}

/** What the bucket does, and says to it. */
export function answerOf(bucket: Bucket, asked: Asked): Said {
  const { method, key, query } = asked;
  if (key === "") {
    if (query.has("uploads")) return uploads(bucket, asked);
    if (query.has("list-type")) return list(bucket, asked);
    return error(404, "ObjectLockConfigurationNotFoundError");
  }
  if (method === "PUT") return put(bucket, asked);
  if (method === "POST") return query.has("uploads") ? begin(bucket, asked) : join(bucket, asked);
  if (method === "DELETE") {
    const id = query.get("uploadId");
    if (id !== null) return bucket.uploads.delete(id) ? say(204) : error(404, "NoSuchUpload");
    bucket.objects.delete(key);
    return say(204);
  }
  return read(bucket, asked);
}
