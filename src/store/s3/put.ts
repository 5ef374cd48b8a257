/**
 * Puts: whole or in parts, each with its hash signed and its checksum stated.
 *
 * Invariants: no put replaces another object, where the server knows conditions; one whose outcome
 * is unknown is resolved by reading back what is there; success is what the server says of the very
 * bytes, by their checksum, or what reading back says.
 */
import { Failure } from "../../base/failure.ts";
import { toldOf } from "../told.ts";
import type { Client } from "./client.ts";
import { multipart } from "./multipart.ts";
import { head, isStored, type Outgoing } from "./stored.ts";
import { type Sums, sumsOf } from "./sums.ts";

export interface PutSettings {
  /** Bytes above which an object goes in parts, and bytes of a part. */
  readonly single: number;
  readonly part: number;
  readonly storageClass?: string | undefined;
  /** Headers of the retention that lasting objects get. */
  lock(): Readonly<Record<string, string>>;
}

/** What a bucket is found to know; learned by being refused. */
export interface Known {
  conditions: boolean;
}

/** Resolves when the object is durable; fails with `object_exists` when another one is there. */
export async function put(
  client: Client,
  settings: PutSettings,
  known: Known,
  object: Outgoing,
): Promise<void> {
  const { name, bytes, signal } = object;
  const part = bytes.length > settings.single ? settings.part : null;
  const sums = await sumsOf(bytes, part);
  const { storageClass } = settings;
  let doubt = false;
  await client.again(async () => {
    if (doubt && (await isStored(client, object, sums))) return;
    const headers = {
      ...(storageClass === undefined ? {} : { "x-amz-storage-class": storageClass }),
      ...(object.lasting ? settings.lock() : {}),
    };
    if (!known.conditions && (await head(client, name, signal))) throw occupied(client, name);
    const condition = known.conditions ? { "if-none-match": "*" } : undefined;
    try {
      const send = part === null ? whole : multipart;
      const said = await send(client, object, sums, { headers, condition, part: part ?? 0 });
      if (said !== sums.text && !(await isStored(client, object, sums))) throw lost(client, name);
    } catch (error) {
      if (error instanceof Failure && error.code === "object_exists") {
        if (await isStored(client, object, sums)) return;
        throw occupied(client, name);
      }
      if (known.conditions && toldOf(error)?.status === 501) {
        known.conditions = false;
        const message = `${client.what(name)}: the store knows no conditions`;
        throw new Failure("store_io", message, error);
      }
      // What was refused for being too much was not done; anything else may have been.
      doubt ||= toldOf(error)?.busy !== true;
      throw error;
    }
  });
}

const occupied = (client: Client, name: string) =>
  new Failure("object_exists", `${client.what(name)}: exists already, with other bytes`);

const lost = (client: Client, name: string) =>
  new Failure("store_answer", `${client.what(name)}: the store took it and does not have it`);

export interface Manner {
  readonly headers: Readonly<Record<string, string>>;
  /** The header that forbids replacing, where the server knows it. */
  readonly condition: Readonly<Record<string, string>> | undefined;
  readonly part: number;
}

/** One put; gives the checksum that the server says the object has. */
async function whole(
  client: Client,
  { name, bytes, signal }: Outgoing,
  { parts: [hash], text }: Sums,
  { headers, condition }: Manner,
): Promise<string | undefined> {
  const answer = await client.once({
    kind: "put",
    doing: "put",
    method: "PUT",
    name,
    headers: { ...headers, ...condition, "x-amz-checksum-sha256": text },
    body: bytes,
    hash,
    signal,
  });
  return answer.headers["x-amz-checksum-sha256"]?.toString();
}
