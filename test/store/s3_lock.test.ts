/** What buckets can do beyond keeping objects, on two real servers: versions and locks. */
import { expect, it } from "vitest";
import { type DeletionProof, systemRuntime } from "../../src/index.ts";
import { all, failure } from "../support/outcome.ts";
import { fresh, onServers } from "../support/s3server.ts";

const PROOF = {} as DeletionProof;
const DAY = 86_400_000;

onServers((server) => {
  it("tells what the bucket can do, and leaves nothing there", async () => {
    const plain = server().open(fresh());
    const able = { conditions: true, checksums: true };
    expect(await plain.probe()).toMatchObject({ ...able, versioning: false, locks: false });
    expect(await all(plain, "")).toEqual([]);
    const locked = server().open(fresh("locked"));
    expect(await locked.probe()).toMatchObject({ ...able, versioning: true, locks: true });
  });

  it("locks what it puts, extends that, and says until when", async () => {
    const address = fresh("locked");
    const settings = { lockDays: 1, lockMode: "compliance" } as const;
    let ahead = 0;
    const system = systemRuntime();
    const clock = { ...system.clock, now: () => Date.now() + ahead };
    const store = server().open(address, { settings, runtime: { ...system, clock } });
    await store.put("packs/aa/x", Buffer.from("x"), undefined, "", true);
    await store.put("index/y", Buffer.from("y"));
    expect(await store.lockedUntil("index/y")).toBe(0);
    await store.remove("index/y", PROOF);
    const until = await store.lockedUntil("packs/aa/x");
    expect(until).toBeGreaterThan(Date.now() + DAY);
    const refused = await failure(store.remove("packs/aa/x", PROOF));
    expect(refused).toMatchObject({ code: "retained", retryable: false });
    expect(refused.message).toContain(new Date(until).toISOString().slice(0, 16));
    expect(await all(store, "")).toEqual(["packs/aa/x"]);
    // Not our word, but the server's: nobody removes this version.
    const path = `/${address.slice(5)}/packs/aa/x`;
    const { headers } = await server().ask("HEAD", path);
    const version = await server().ask(
      "DELETE",
      `${path}?versionId=${headers["x-amz-version-id"]}`,
    );
    expect([400, 403]).toContain(version.status);
    ahead = 60_000;
    const later = await store.retention?.extend(["packs/aa/x"]);
    expect(later).toBeGreaterThan(until);
    expect(await store.lockedUntil("packs/aa/x")).toBe(Math.floor((later ?? 0) / 1000) * 1000);
  });

  it("removes every version of what no lock holds", async () => {
    const address = fresh("locked");
    const path = `/${address.slice(5)}/packs/aa/y`;
    for (const text of ["one", "two"]) await server().ask("PUT", path, { body: text });
    const store = server().open(address);
    expect(await store.lockedUntil("packs/aa/y")).toBe(0);
    await store.remove("packs/aa/y", PROOF);
    expect((await failure(store.get("packs/aa/y"))).code).toBe("object_missing");
    const left = await server().ask("GET", `/locked?versions=&prefix=${address.slice(12)}`);
    expect(left.body.toString()).not.toContain("<Version>");
    await expect(store.remove("packs/aa/y", PROOF)).resolves.toBeUndefined();
  });
});
