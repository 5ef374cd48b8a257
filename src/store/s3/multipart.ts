/**
 * Large objects in parts: each repeated by itself, and nothing left behind when it fails.
 *
 * The object exists from the moment that its parts are joined, and not before.
 */
import { partOf } from "../../base/body.ts";
import { Failure } from "../../base/failure.ts";
import { mapBounded } from "../../base/map_bounded.ts";
import { toldOf } from "../told.ts";
import type { Call, Client } from "./client.ts";
import { answerFailure } from "./failure.ts";
import type { Manner } from "./put.ts";
import { isStored, type Outgoing } from "./stored.ts";
import { base64, type Sums } from "./sums.ts";
import { childrenOf, type Element, escaped, parseXml, textOf } from "./xml.ts";

/** Parts of one object under way at once. */
const TOGETHER = 4;
/** How long the removal of an upload that failed may take, in milliseconds. */
const CLEANING = 10_000;
/** Before uploads are looked for again, doubled each time; in milliseconds. */
const PAUSE = 50;

/** Puts an object in parts; gives the checksum that the server says it has. */
export async function multipart(
  client: Client,
  object: Outgoing,
  sums: Sums,
  manner: Manner,
): Promise<string | undefined> {
  try {
    const uploadId = await begin(client, object, manner);
    const tags = await parts(client, object, sums, manner.part, uploadId);
    return await join(client, object, sums, {
      ...{ kind: "put", doing: "put", method: "POST" },
      ...{ name: object.name, signal: object.signal },
      query: { uploadId },
      headers: manner.condition ?? {},
      body: Buffer.from(partList(tags, sums)),
    });
  } catch (error) {
    await abandon(client, object.name);
    throw error;
  }
}

async function begin(
  client: Client,
  { name, signal }: Outgoing,
  { headers }: Manner,
): Promise<string> {
  signal?.throwIfAborted();
  // Cut off here, an upload could begin after all were looked for: its answer is waited for.
  const begun = await client.once({
    ...{ kind: "put", doing: "put", method: "POST", name, signal: AbortSignal.timeout(CLEANING) },
    query: { uploads: "" },
    headers: { ...headers, "x-amz-checksum-algorithm": "SHA256" },
  });
  const uploadId = textOf(documentOf(begun.body, client.what(name)), "UploadId");
  if (uploadId) return uploadId;
  throw new Failure("store_answer", `${client.what(name)}: an upload without an id`);
}

/**
 * Sends every part; gives the server's tags of them. It fails when nothing is under way any more:
 * the bytes are the caller's again.
 */
async function parts(
  client: Client,
  { name, bytes, signal = client.runtime.signal }: Outgoing,
  sums: Sums,
  size: number,
  uploadId: string,
): Promise<string[]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  let first: unknown;
  const send = async (at: number, hash: Buffer): Promise<string> => {
    const answer = await client.ask({
      ...{ kind: "put", doing: "put", method: "PUT", name, signal: either },
      query: { partNumber: String(at + 1), uploadId },
      headers: { "x-amz-checksum-sha256": base64(hash) },
      body: partOf(bytes, at * size, (at + 1) * size),
      hash,
    });
    return answer.headers.etag ?? "";
  };
  const tags = await mapBounded([...sums.parts.entries()], TOGETHER, ([at, hash]) =>
    send(at, hash).catch((error: unknown) => {
      first ??= error;
      stop.abort();
      return "";
    }),
  );
  if (first !== undefined) throw first;
  return tags;
}

function partList(tags: readonly string[], { parts }: Sums): string {
  const rows = tags.map((tag, at) => {
    const sum = base64(parts[at] ?? Buffer.alloc(0));
    return `<Part><PartNumber>${at + 1}</PartNumber><ETag>${escaped(tag)}</ETag><ChecksumSHA256>${sum}</ChecksumSHA256></Part>`;
  });
  const space = "http://s3.amazonaws.com/doc/2006-03-01/";
  return `<CompleteMultipartUpload xmlns="${space}">${rows.join("")}</CompleteMultipartUpload>`;
}

/** Makes the parts one object. A repeated call may find that the one before it did it. */
function join(
  client: Client,
  object: Outgoing,
  sums: Sums,
  call: Call,
): Promise<string | undefined> {
  return client.again(async (attempt) => {
    if (attempt > 1 && (await isStored(client, object, sums))) return sums.text;
    try {
      const answer = await client.once(call);
      const root = documentOf(answer.body, client.what(object.name));
      if (root.name !== "Error") return textOf(root, "ChecksumSHA256");
      // A server that joins for long begins its answer before it knows how it ends.
      const now = client.runtime.clock.now();
      throw answerFailure({ ...answer, status: 500 }, client.asked(call), now);
    } catch (error) {
      const gone = toldOf(error)?.word === "NoSuchUpload";
      if (gone && (await isStored(client, object, sums))) return sums.text;
      throw error;
    }
  });
}

/**
 * Takes away the parts of an upload that failed. The beginning of one may have been done and its
 * answer lost: a name is used once, so every upload of it is ours. What a server was still writing
 * when its client went away may keep an upload there: it is looked for again. What stays, the
 * bucket's own rule for unfinished uploads clears.
 */
async function abandon(client: Client, name: string): Promise<void> {
  // The run may have been interrupted: this is done all the same, for a short time.
  const signal = AbortSignal.timeout(CLEANING);
  const call = { kind: "remove", doing: "remove", method: "DELETE", name, signal } as const;
  try {
    for (let pause = PAUSE; pause < CLEANING; pause *= 2) {
      const left = await uploadsOf(client, name, signal);
      if (left.length === 0) return;
      for (const uploadId of left) {
        await client.once({ ...call, query: { uploadId } }).catch(() => undefined);
      }
      // An interrupted run does not sleep: the two requests are its pause.
      await client.runtime.clock.sleep(pause).catch(() => undefined);
    }
  } catch {
    // The failure that led here is the one to be told.
  }
}

async function uploadsOf(client: Client, name: string, signal: AbortSignal): Promise<string[]> {
  const key = client.place.prefix + name;
  const query = { prefix: key, uploads: "" };
  const list = { kind: "list", doing: "list", method: "GET", name: null, query, signal } as const;
  const found = documentOf((await client.once(list)).body, client.what(name));
  const ours = childrenOf(found, "Upload").filter((upload) => textOf(upload, "Key") === key);
  return ours.map((upload) => textOf(upload, "UploadId")).filter((id) => id !== undefined);
}

function documentOf(body: Buffer, what: string): Element {
  try {
    return parseXml(body.toString("utf8"));
  } catch (error) {
    throw new Failure("store_answer", `${what}: ${(error as Error).message}`, error);
  }
}
