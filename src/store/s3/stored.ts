/** What is stored under a name, read back. */
import { type Body, isAlike } from "../../base/body.ts";
import { Failure } from "../../base/failure.ts";
import type { Client } from "./client.ts";
import type { Sums } from "./sums.ts";
import type { Answer } from "./wire.ts";

export interface Outgoing {
  readonly name: string;
  readonly bytes: Body;
  readonly signal?: AbortSignal | undefined;
  readonly lasting?: boolean;
}

/** The head of an object; null where there is none. */
export async function head(
  client: Client,
  name: string,
  signal?: AbortSignal,
): Promise<Answer | null> {
  try {
    const headers = { "x-amz-checksum-mode": "ENABLED" };
    return await client.once({
      kind: "head",
      doing: "read",
      method: "HEAD",
      name,
      headers,
      signal,
    });
  } catch (error) {
    if (error instanceof Failure && error.code === "object_missing") return null;
    throw error;
  }
}

/** Whether these very bytes are stored: by the checksum, or by all bytes where there is none. */
export async function isStored(
  client: Client,
  { name, bytes, signal }: Outgoing,
  sums: Sums,
): Promise<boolean> {
  const found = await head(client, name, signal);
  if (found === null || Number(found.headers["content-length"]) !== bytes.length) return false;
  const checksum = found.headers["x-amz-checksum-sha256"];
  if (checksum === sums.text) return true;
  const alike = typeof checksum === "string" && checksum.includes("-") === sums.text.includes("-");
  if (alike) return false;
  const call = { kind: "get", doing: "read", method: "GET", name, signal } as const;
  return isAlike(bytes, async (offset, length) => {
    const headers = { range: `bytes=${offset}-${offset + length - 1}` };
    const { status, body } = await client.once({ ...call, headers, most: bytes.length });
    // A server may know no ranges.
    return status === 206 ? body : body.subarray(offset, offset + length);
  });
}
