/**
 * What a bucket can do, tried out with one small object. Nothing that the repository promises
 * depends on it.
 */
import { Failure } from "../../base/failure.ts";
import type { Capabilities } from "../store.ts";
import { toldOf } from "../told.ts";
import type { Call, Client } from "./client.ts";
import { remove } from "./lock.ts";
import { head } from "./stored.ts";
import { base64, sha256 } from "./sums.ts";

/** Tries a bucket out; fails when it cannot even keep and give back an object. */
export async function probe(client: Client): Promise<Capabilities> {
  const name = `probe-${client.runtime.random(8).toString("hex")}`;
  const put = (text: string, summed = text, headers: Record<string, string> = {}): Call => {
    const body = Buffer.from(text);
    const checksum = base64(sha256(Buffer.from(summed)));
    const all = { ...headers, "x-amz-checksum-sha256": checksum };
    return { kind: "put", doing: "probe", method: "PUT", name, body, headers: all };
  };
  const asked = client.runtime.clock.now();
  const first = await client.ask(put("first"));
  const date = Date.parse(first.headers.date?.toString() ?? "");
  const found = await client.again(() => head(client, name));
  if (found === null || found.headers["content-length"] !== "5") {
    throw new Failure(
      "store_answer",
      `${client.what(name)}: the store took it and does not have it`,
    );
  }
  const capabilities = {
    conditions: await isRefused(
      client,
      put("again", "again", { "if-none-match": "*" }),
      [409, 412],
    ),
    checksums: await isRefused(client, put("wrong", "other"), [400]),
    versioning: found.headers["x-amz-version-id"] !== undefined,
    locks: await hasLocks(client),
    // Half a second: a date says whole seconds.
    skew: Number.isNaN(date) ? 0 : date + 500 - asked,
  };
  // Who may only add cannot remove it, and need not.
  await remove(client, name).catch(() => undefined);
  return capabilities;
}

/** Whether the server refuses this with one of these statuses; what passes is waited for. */
function isRefused(client: Client, call: Call, statuses: readonly number[]): Promise<boolean> {
  return client.again(async () => {
    try {
      await client.once(call);
      return false;
    } catch (error) {
      const { status = 0 } = toldOf(error) ?? {};
      if (statuses.includes(status)) return true;
      if (status === 501) return false;
      throw error;
    }
  });
}

async function hasLocks(client: Client): Promise<boolean> {
  const query = { "object-lock": "" };
  try {
    await client.ask({ kind: "other", doing: "probe", method: "GET", name: null, query });
    return true;
  } catch (error) {
    if (toldOf(error) === undefined || (error as Failure).code === "store_down") throw error;
    return false;
  }
}
