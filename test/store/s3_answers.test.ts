/** What the S3 store makes of answers, good and bad, on a wire that a test writes. */
import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { DeletionProof } from "../../src/index.ts";
import { page, said, scripted } from "../support/answers.ts";
import { all, failure } from "../support/outcome.ts";

const BYTES = Buffer.from("abc");
const SUM = createHash("sha256").update(BYTES).digest("base64");
const SUMMED = { "x-amz-checksum-sha256": SUM, "content-length": "3" };

describe("a put", () => {
  it("says the payload hash, the checksum, and that nothing is to be replaced", async () => {
    const { store, headers, asked } = scripted(() => ({ headers: SUMMED }));
    await store.put("claims/x", BYTES);
    expect(asked).toEqual(["PUT /bucket/pre/claims/x"]);
    expect(headers[0]).toMatchObject({
      "x-amz-content-sha256": createHash("sha256").update(BYTES).digest("hex"),
      "x-amz-checksum-sha256": SUM,
      "if-none-match": "*",
    });
  });

  it("is looked for before it is sent again, when its outcome is unknown", async () => {
    const { store, asked } = scripted((_, n) => {
      if (n === 1) throw Object.assign(new Error("cut"), { code: "ECONNRESET" });
      return { headers: SUMMED };
    });
    await store.put("claims/x", BYTES);
    expect(asked.map((a) => a.split(" ")[0])).toEqual(["PUT", "HEAD"]);
  });

  it("is sent again at once, when the store only was busy", async () => {
    const { store, asked, pauses } = scripted((_, n) =>
      n === 1 ? { ...said(503, "SlowDown"), headers: { "retry-after": "7" } } : { headers: SUMMED },
    );
    await store.put("claims/x", BYTES);
    expect(asked.map((a) => a.split(" ")[0])).toEqual(["PUT", "PUT"]);
    expect(pauses[0]).toBeGreaterThanOrEqual(7000);
  });

  it("finds its own object after a refusal, and not another's", async () => {
    const own = scripted((ask) =>
      ask.method === "PUT" ? said(412, "PreconditionFailed") : { headers: SUMMED },
    );
    await expect(own.store.put("claims/x", BYTES)).resolves.toBeDefined();
    const other = { ...SUMMED, "x-amz-checksum-sha256": SUM.replace(/^./, "#") };
    const foreign = scripted((ask) =>
      ask.method === "PUT" ? said(412, "PreconditionFailed") : { headers: other },
    );
    expect((await failure(foreign.store.put("claims/x", BYTES))).code).toBe("object_exists");
    // Checksums of one kind decide it: no bytes are fetched.
    expect(new Set(foreign.asked.map((a) => a.split(" ")[0]))).toEqual(new Set(["PUT", "HEAD"]));
  });

  it("is compared byte for byte where the server knows no checksums", async () => {
    const bare = { "content-length": "3" };
    const good = scripted((ask) => ({ headers: bare, body: ask.method === "GET" ? "abc" : "" }));
    await expect(good.store.put("claims/x", BYTES)).resolves.toBeDefined();
    expect(good.asked.map((a) => a.split(" ")[0])).toEqual(["PUT", "HEAD", "GET"]);
    const bad = scripted((ask) => ({ headers: bare, body: ask.method === "GET" ? "abd" : "" }));
    expect(await failure(bad.store.put("claims/x", BYTES))).toMatchObject({ code: "store_answer" });
  });

  it("is not believed by a server that says 200 and stores nothing", async () => {
    const { store } = scripted((ask) => (ask.method === "PUT" ? {} : { status: 404 }));
    const found = await failure(store.put("claims/x", BYTES));
    expect(found).toMatchObject({ code: "store_answer", retryable: false });
    expect(found.message).toContain("claims/x: the store took it and does not have it");
  });

  it("goes without conditions where a server does not know them, and looks first", async () => {
    const { store, asked } = scripted((ask) => {
      if (ask.headers["if-none-match"]) return said(501, "NotImplemented");
      return ask.method === "HEAD" ? { status: 404 } : { headers: SUMMED };
    });
    await store.put("claims/x", BYTES);
    await store.put("claims/y", BYTES);
    const methods = asked.map((a) => a.split(" ")[0]);
    expect(methods.slice(-2)).toEqual(["HEAD", "PUT"]);
  });
});

describe("patience", () => {
  it("ends soon where nothing ever answered, and rides out a quarter of an hour else", async () => {
    const down = () => {
      throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    };
    const never = scripted(down);
    const first = await failure(never.store.get("claims/x"));
    expect(first).toMatchObject({ code: "store_down", retryable: false, exit: 1 });
    expect(first.message).toMatch(/nothing listens there; given up after \d+ attempts/);
    expect(never.pauses.reduce((sum, p) => sum + p, 0)).toBeLessThan(60_000);

    let [answered, until] = [false, 0];
    const once = scripted(() => {
      const waited = once.pauses.reduce((sum, p) => sum + p, 0);
      if (answered && waited < until) return said(500, "InternalError");
      answered = true;
      return { body: "abc" };
    });
    await once.store.get("claims/x");
    until = 15 * 60_000;
    await expect(once.store.get("claims/x")).resolves.toEqual(BYTES);
    expect(once.asked.length).toBeLessThan(200);
    expect(JSON.stringify(once.events)).toContain("trying again");
    until = 60 * 60_000;
    expect((await failure(once.store.get("claims/x"))).code).toBe("store_down");

    // What fails alone, while others get through, is not waited for so long.
    const poisoned = scripted((ask) =>
      ask.url.pathname.endsWith("bad") ? said(500, "InternalError") : { body: "abc" },
    );
    await poisoned.store.get("claims/good");
    const bad = failure(poisoned.store.get("claims/bad"));
    await poisoned.store.get("claims/good");
    expect((await bad).message).toContain("given up after 12 attempts");
  });

  it("renews credentials that expire, once, and does not go on with old ones", async () => {
    let key = "AKEY";
    const around = {
      env: { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", HOME: "/h" },
      read: (path: string) =>
        path.endsWith("credentials")
          ? `[default]\naws_access_key_id = ${key}\naws_secret_access_key = next-secret\n`
          : null,
    };
    const reply = (ask: { headers: Readonly<Record<string, string>> }) =>
      ask.headers.Authorization?.includes("NEXT") ? { body: "abc" } : said(400, "ExpiredToken");
    const stale = scripted(reply, { around });
    const found = await failure(stale.store.get("claims/x"));
    expect(found).toMatchObject({ code: "credentials" });
    expect(found.message).toContain("have expired");
    expect(stale.asked).toHaveLength(1);
    key = "NEXT";
    const renewed = scripted(reply, { around });
    await expect(renewed.store.get("claims/x")).resolves.toEqual(BYTES);
    expect(renewed.asked).toHaveLength(2);
  });
});

describe("an answer", () => {
  const html = { headers: { "content-type": "text/html" }, body: "<!DOCTYPE html><h1>Log in</h1>" };
  it.each([
    ["store_answer", 200, html],
    ["store_answer", 403, html],
    ["store_place", 301, { headers: { "x-amz-bucket-region": "eu-west-1" } }],
    ["store_place", 307, { headers: { location: "http://elsewhere/" } }],
    ["disk_full", 403, said(403, "QuotaExceeded")],
    ["disk_full", 507, {}],
    ["credentials", 403, said(403, "AccessDenied")],
    ["store_refused", 400, said(400, "InvalidStorageClass")],
    ["store_refused", 404, said(404, "NoSuchCampaign")],
    ["no_repository", 404, said(404, "NoSuchBucket")],
    ["object_missing", 404, said(404, "NoSuchKey")],
    ["store_answer", 200, { headers: { "content-encoding": "gzip" } }],
  ])("means %s for %i", async (code, status, answer) => {
    const { store, asked } = scripted(() => ({ ...answer, status }));
    const found = await failure(store.get("claims/x"));
    expect(found).toMatchObject({ code, retryable: false });
    expect(found.message).toMatch(/^s3:\/\/bucket\/pre \(127.0.0.1:1\): claims\/x: [^\n]+$/);
    expect(asked).toHaveLength(1);
  });

  it("is asked for again when it is another range, and is damage when the object ends", async () => {
    const range = { offset: 2, length: 4 };
    const part = (from: number, body: string, total: number) => ({
      status: 206,
      headers: { "content-range": `bytes ${from}-${from + body.length - 1}/${total}` },
      body,
    });
    const mended = scripted((_, n) => {
      if (n === 1) return part(4, "efghi", 9);
      return n === 2 ? part(0, "abcd", 9) : part(0, "abcdefghi", 9);
    });
    expect((await mended.store.get("packs/x", range)).toString()).toBe("cdef");
    expect(mended.asked).toHaveLength(3);
    const large = "x".repeat(131_072);
    const shifted = scripted((_, n) => part(n === 1 ? 0 : 1, large, 200_000));
    await shifted.store.get("packs/x", { offset: 1, length: large.length });
    expect(shifted.asked).toHaveLength(2);
    const whole = scripted(() => ({ body: "abcdefgh" }));
    expect((await whole.store.get("packs/x", range)).toString()).toBe("cdef");
    const short = scripted(() => part(0, "abcd", 4));
    expect((await failure(short.store.get("packs/x", range))).code).toBe("damaged");
  });

  it("serves the small ranges beside it, until the object is removed", async () => {
    const object = randomBytes(600_000);
    let gone = false;
    const { store, headers, asked } = scripted((ask) => {
      if (ask.method === "DELETE") gone = true;
      if (gone || ask.method !== "GET") return { status: gone ? 404 : 200 };
      const [, from = "", to = ""] = /^bytes=(\d+)-(\d+)$/.exec(ask.headers.range ?? "") ?? [];
      const body = object.subarray(Number(from), Number(to) + 1);
      const range = `bytes ${from}-${Number(from) + body.length - 1}/${object.length}`;
      return { status: 206, headers: { "content-range": range }, body };
    });
    const read = async (offset: number, length: number) => {
      const bytes = await store.get("packs/x", { offset, length });
      expect(bytes.equals(object.subarray(offset, offset + length))).toBe(true);
    };
    await Promise.all([read(10, 100), read(5000, 1000), read(100_000, 7)]);
    expect(asked).toHaveLength(1);
    // Across the end of one span, and to the end of the object.
    await read(131_000, 1000);
    await read(599_990, 10);
    expect(headers.map((h) => h.range)).toEqual([
      "bytes=0-131071",
      "bytes=131072-262143",
      "bytes=524288-655359",
    ]);
    // Large ranges are read as they are.
    await read(3, 131_072);
    expect(headers.at(-1)?.range).toBe("bytes=3-131074");
    await store.remove("packs/x", {} as DeletionProof);
    await expect(store.get("packs/x", { offset: 10, length: 100 })).rejects.toMatchObject({
      code: "object_missing",
    });
  });
});

describe("a listing", () => {
  it("goes on page by page, and passes over what is no name", async () => {
    const { store, asked } = scripted((_, n) =>
      n === 1
        ? page(["pre/index/a", "pre/index/b%20c"], "next+/=", "<EncodingType>url</EncodingType>")
        : page(["pre/index/d"]),
    );
    expect(await all(store, "index/")).toEqual(["index/a", "index/d"]);
    expect(asked[1]).toContain("continuation-token=next%2B%2F%3D");
  });

  it.each([
    ["repeats", () => page(["pre/index/a", "pre/index/a"])],
    ["repeats", (n: number) => (n === 1 ? page(["pre/index/a"], "t") : page(["pre/index/a"]))],
    ["leaves keys out", () => page(["pre/index/a"], undefined, "<KeyCount>2</KeyCount>")],
    ["not asked for", () => page(["other/a"])],
    ["the next one", () => page(["pre/index/a"], "")],
    ["if it is the last", () => ({ body: "<ListBucketResult></ListBucketResult>" })],
    ["no XML", () => ({ body: "<ListBucketResult><Contents></ListBucketResult>" })],
    ["somebody else", () => ({ body: '<!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult/>' })],
    ["called Other", () => ({ body: "<Other/>" })],
  ])("that %s is no listing", async (text, reply) => {
    const { store } = scripted((_, n) => reply(n));
    const found = await failure(all(store, "index/"));
    expect(found.code).toMatch(/^store_(down|answer)$/);
    expect(found.message).toContain(text);
  });
});
