/**
 * Object Lock: what is put cannot be removed for a time, by whoever has stolen whatever key.
 *
 * Invariants: the time is never shortened; an object is locked for at least the promised time after
 * every put or extension, and up to a third longer, so that extending is seldom needed.
 */
import { Failure } from "../../base/failure.ts";
import { mapBounded } from "../../base/map_bounded.ts";
import type { Retention } from "../store.ts";
import type { Client } from "./client.ts";
import { head } from "./stored.ts";
import { base64, sha256 } from "./sums.ts";
import { type Terms, untilOf, written } from "./terms.ts";

const EXTENSIONS = 16;
/** Versions of one object that are removed, one after the other. */
const MOST_VERSIONS = 1000;

/** The headers that lock what is put now. */
export function lockHeaders(terms: Terms | null, now: number): Record<string, string> {
  if (terms === null) return {};
  return {
    "x-amz-object-lock-mode": terms.mode,
    "x-amz-object-lock-retain-until-date": written(untilOf(terms, now)),
  };
}

/** Keeps objects locked as if they were put now. */
export function retentionOf(client: Client, terms: Terms): Retention {
  return {
    promised: terms.promised,
    async extend(names, signal) {
      const until = untilOf(terms, client.runtime.clock.now());
      const space = "http://s3.amazonaws.com/doc/2006-03-01/";
      const body = Buffer.from(
        `<Retention xmlns="${space}"><Mode>${terms.mode}</Mode><RetainUntilDate>${written(until)}</RetainUntilDate></Retention>`,
      );
      const hash = sha256(body);
      const headers = { "x-amz-checksum-sha256": base64(hash) };
      const query = { retention: "" };
      await mapBounded([...names], EXTENSIONS, (name) =>
        client.ask({
          ...{ kind: "other", doing: "lock", method: "PUT", name },
          ...{ query, headers, body, hash, signal },
        }),
      );
      return until;
    },
  };
}

/** Until when an object cannot be removed, in milliseconds since 1970; 0 where nothing holds it. */
export async function lockedUntil(client: Client, name: string): Promise<number> {
  const found = await client.again(() => head(client, name));
  return found === null ? 0 : untilIn(found.headers);
}

function untilIn(headers: Readonly<Record<string, unknown>>): number {
  if (headers["x-amz-object-lock-legal-hold"] === "ON") return Number.POSITIVE_INFINITY;
  const until = Date.parse(String(headers["x-amz-object-lock-retain-until-date"] ?? ""));
  return Number.isFinite(until) ? until : 0;
}

/**
 * Removes an object: where a bucket keeps versions, all of them, because one that only is marked as
 * deleted is there and paid for. Fails with `retained` while a lock holds it.
 */
export async function remove(client: Client, name: string): Promise<void> {
  const call = { kind: "remove", doing: "remove", method: "DELETE", name } as const;
  for (let removed = 0; removed < MOST_VERSIONS; removed++) {
    const found = await client.again(() => head(client, name));
    if (found === null) return;
    const until = untilIn(found.headers);
    if (until > client.runtime.clock.now()) {
      const time = Number.isFinite(until) ? `until ${written(until)}` : "by a legal hold";
      throw new Failure("retained", `${client.what(name)}: is locked ${time}`);
    }
    const versionId = found.headers["x-amz-version-id"]?.toString();
    const gone = await client
      .ask(versionId === undefined ? call : { ...call, query: { versionId } })
      .catch((error: unknown) => {
        // Somebody else was faster, or an answer was lost.
        if (!(error instanceof Failure && error.code === "object_missing")) throw error;
        return null;
      });
    if (gone === null || versionId === undefined) return;
  }
  throw new Failure("store_refused", `${client.what(name)}: more than ${MOST_VERSIONS} versions`);
}
