/** The S3 store on two real servers: the contract, and objects in parts. */
import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { storeContract } from "../contract/store.ts";
import { all, failure } from "../support/outcome.ts";
import { fresh, onServers } from "../support/s3server.ts";

const MIB = 1 << 20;

onServers((server) => {
  storeContract("s3", async () => ({ store: server().store(fresh()), [Symbol.dispose]() {} }));

  it("puts what is large in parts, whole or not at all, and leaves no part behind", async () => {
    const address = fresh();
    const abort = new AbortController();
    const store = server().open(address, { single: 5 * MIB, part: 5 * MIB });
    const bytes = randomBytes(12 * MIB);
    await store.put("packs/aa/large", bytes);
    expect((await store.get("packs/aa/large")).equals(bytes)).toBe(true);
    const range = { offset: 5 * MIB - 7, length: 14 };
    const middle = bytes.subarray(range.offset, range.offset + range.length);
    expect((await store.get("packs/aa/large", range)).equals(middle)).toBe(true);
    const other = await failure(store.put("packs/aa/large", randomBytes(12 * MIB)));
    expect(other.code).toBe("object_exists");
    expect((await store.get("packs/aa/large")).equals(bytes)).toBe(true);

    const put = failure(store.put("packs/aa/stopped", randomBytes(40 * MIB), abort.signal));
    setTimeout(() => abort.abort(), 60);
    expect((await put).code).toBe("interrupted");
    expect(await all(store, "packs/")).toEqual(["packs/aa/large"]);
    const uploads = await server().ask("GET", "/holdall?uploads=");
    expect(uploads.status).toBe(200);
    expect(uploads.body.toString()).not.toContain("stopped");
  }, 60_000);

  it("takes a repeated put of the same bytes for the one before it", async () => {
    const store = server().open(fresh());
    await store.put("claims/one", Buffer.from("the same"));
    await expect(store.put("claims/one", Buffer.from("the same"))).resolves.toBeDefined();
  });
});
