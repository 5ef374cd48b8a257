/**
 * Listings, page by page.
 *
 * Invariants: keys come in ascending order and each once, as every server gives them; a page that
 * repeats, goes back, counts wrongly or has no next one is refused, and never taken for the end.
 */
import { Failure } from "../../base/failure.ts";
import type { Listed } from "../store.ts";
import type { Client } from "./client.ts";
import { isSafeKey } from "./place.ts";
import { childrenOf, type Element, parseXml, textOf } from "./xml.ts";

interface Page {
  readonly objects: readonly { key: string; length: number }[];
  readonly next: string | null;
}

/** Every object below a prefix; what is no name of ours is passed over. */
export async function* list(
  client: Client,
  prefix: string,
  signal?: AbortSignal,
): AsyncIterable<Listed> {
  const own = client.place.prefix;
  const what = client.what(prefix);
  let last = "";
  let token: string | null = null;
  do {
    const query: Record<string, string> = {
      "encoding-type": "url",
      "list-type": "2",
      prefix: own + prefix,
      ...(token === null ? {} : { "continuation-token": token }),
    };
    const page: Page = await client.again(async () => {
      const answer = await client.once({
        kind: "list",
        doing: "list",
        method: "GET",
        name: null,
        query,
        signal,
      });
      return readPage(answer.body, own + prefix, last, what);
    });
    for (const { key, length } of page.objects) {
      last = key;
      const name = key.slice(own.length);
      if (isSafeKey(name)) yield { name, length };
    }
    token = page.next;
  } while (token !== null);
}

/** One page; `last` is the key before it. */
export function readPage(body: Buffer, prefix: string, last: string, what: string): Page {
  // A listing is a hint that much depends on: an odd one is asked for again.
  const odd = (text: string) => new Failure("store_io", `${what}: an odd listing: ${text}`);
  let root: Element;
  try {
    root = parseXml(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new Failure("store_answer", `${what}: no listing: ${(error as Error).message}`, error);
  }
  if (root.name !== "ListBucketResult") {
    throw new Failure(
      "store_answer",
      `${what}: no listing, but a document called ${root.name.slice(0, 40)}`,
    );
  }
  const isUrl = textOf(root, "EncodingType") === "url";
  let before = last;
  const objects = childrenOf(root, "Contents").map((row) => {
    const raw = textOf(row, "Key") ?? "";
    const key = isUrl ? decoded(raw) : raw;
    const length = Number(textOf(row, "Size") || Number.NaN);
    if (key === null || !Number.isSafeInteger(length) || length < 0)
      throw odd("a row without a size");
    if (!key.startsWith(prefix)) throw odd("a key that was not asked for");
    if (Buffer.compare(Buffer.from(key), Buffer.from(before)) <= 0)
      throw odd("a page that repeats keys");
    before = key;
    return { key, length };
  });
  const count = textOf(root, "KeyCount");
  if (count !== undefined && Number(count) !== objects.length)
    throw odd("a page that leaves keys out");
  const truncated = textOf(root, "IsTruncated");
  const next = textOf(root, "NextContinuationToken");
  if (truncated !== "true" && truncated !== "false")
    throw odd("a page that does not say if it is the last");
  if (truncated === "true" && !next) throw odd("a page without the next one");
  return { objects, next: truncated === "true" ? (next ?? null) : null };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return null;
  }
}
