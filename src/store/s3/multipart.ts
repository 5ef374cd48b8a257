/**
 * Large objects in parts: each repeated by itself, and nothing left behind when it fails.
 *
 * The object exists from the moment that its parts are joined, and not before.
 */
import { Failure } from "../../base/failure.ts";
import { mapBounded } from "../../base/map_bounded.ts";
import { toldOf } from "../told.ts";
import type { Call, Client } from "./client.ts";
import { answerFailure } from "./failure.ts";
import type { Manner } from "./put.ts";
import { isStored, type Outgoing } from "./stored.ts";
import { base64, type Sums } from "./sums.ts";
import { type Element, escaped, parseXml, textOf } from "./xml.ts";

/** Parts of one object under way at once. */
const TOGETHER = 4;
/** How long the removal of an upload that failed may take, in milliseconds. */
const CLEANING = 10_000;

/** Puts an object in parts; gives the checksum that the server says it has. */
export async function multipart(
  client: Client,
  object: Outgoing,
  sums: Sums,
  manner: Manner,
): Promise<string | undefined> {
  const { name, bytes, signal } = object;
  const call = { kind: "put", doing: "put", name, signal } as const;
  const begun = await client.once({
    ...call,
    method: "POST",
    query: { uploads: "" },
    headers: { ...manner.headers, "x-amz-checksum-algorithm": "SHA256" },
  });
  const uploadId = textOf(documentOf(begun.body, client.what(name)), "UploadId");
  if (!uploadId) throw new Failure("store_answer", `${client.what(name)}: an upload without an id`);
  try {
    const tags = await mapBounded([...sums.parts.entries()], TOGETHER, async ([at, hash]) => {
      const answer = await client.ask({
        ...call,
        method: "PUT",
        query: { partNumber: String(at + 1), uploadId },
        headers: { "x-amz-checksum-sha256": base64(hash) },
        body: bytes.subarray(at * manner.part, (at + 1) * manner.part),
        hash,
      });
      return answer.headers.etag ?? "";
    });
    return await join(client, object, sums, {
      ...call,
      method: "POST",
      query: { uploadId },
      headers: manner.condition ?? {},
      body: Buffer.from(partList(tags, sums)),
    });
  } catch (error) {
    await abandon(client, name, uploadId);
    throw error;
  }
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

/** Takes away the parts of an upload that failed; what a server keeps, its own rules clear. */
async function abandon(client: Client, name: string, uploadId: string): Promise<void> {
  // The run may have been interrupted: this is done all the same, for a short time.
  const signal = AbortSignal.timeout(CLEANING);
  const call = { kind: "remove", doing: "remove", method: "DELETE", name, signal } as const;
  await client.once({ ...call, query: { uploadId } }).catch(() => undefined);
}

function documentOf(body: Buffer, what: string): Element {
  try {
    return parseXml(body.toString("utf8"));
  } catch (error) {
    throw new Failure("store_answer", `${what}: ${(error as Error).message}`, error);
  }
}
