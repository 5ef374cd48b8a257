/** What every store promises, run for every implementation and decorator. */
import { describe, expect, it } from "vitest";
import type { DeletionProof, Store } from "../../src/index.ts";

async function names(store: Store, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const object of store.list(prefix)) found.push(`${object.name}=${object.length}`);
  return found.sort();
}

export function storeContract(
  kind: string,
  make: () => Promise<{ store: Store } & Disposable>,
): void {
  describe(`store: ${kind}`, () => {
    it("gives back what was put, whole and by range", async () => {
      using place = await make();
      const { store } = place;
      await store.put("packs/aa/one", Buffer.from("0123456789"));
      expect((await store.get("packs/aa/one")).toString()).toBe("0123456789");
      expect((await store.get("packs/aa/one", { offset: 3, length: 4 })).toString()).toBe("3456");
      await expect(store.get("packs/aa/one", { offset: 8, length: 4 })).rejects.toMatchObject({
        code: "damaged",
      });
      await expect(store.get("packs/aa/none")).rejects.toMatchObject({ code: "object_missing" });
    });

    it("never replaces an existing name", async () => {
      using place = await make();
      await place.store.put("slots/x", Buffer.from("first"));
      await expect(place.store.put("slots/x", Buffer.from("second"))).rejects.toMatchObject({
        code: "object_exists",
      });
      expect((await place.store.get("slots/x")).toString()).toBe("first");
    });

    it("lists more than a thousand objects, below a prefix only", { timeout: 60_000 }, async () => {
      using place = await make();
      const wanted = Array.from({ length: 1100 }, (_, i) => `index/n${i}`);
      for (let at = 0; at < wanted.length; at += 50) {
        await Promise.all(wanted.slice(at, at + 50).map((n) => place.store.put(n, Buffer.from(n))));
      }
      await place.store.put("claims/other", Buffer.alloc(0));
      expect(await names(place.store, "index/")).toEqual(
        wanted.map((n) => `${n}=${n.length}`).sort(),
      );
      expect(await names(place.store, "nothing/")).toEqual([]);
    });

    it("removes what is there, and what is not", async () => {
      using place = await make();
      const { store } = place;
      // Only the protocol makes a proof; stores do not look into it.
      const proof = {} as DeletionProof;
      await store.put("packs/aa/one", Buffer.from("one"));
      await store.put("packs/aa/two", Buffer.from("two"));
      for (const name of ["packs/aa/one", "packs/aa/one", "packs/bb/none"]) {
        await store.remove(name, proof);
      }
      expect(await names(store, "packs/")).toEqual(["packs/aa/two=3"]);
      await expect(store.get("packs/aa/one")).rejects.toMatchObject({ code: "object_missing" });
    });

    it("leaves nothing visible of an aborted put", async () => {
      using place = await make();
      await expect(
        place.store.put("slots/y", Buffer.alloc(10), AbortSignal.abort()),
      ).rejects.toMatchObject({ code: "interrupted" });
      expect(await names(place.store, "slots/")).toEqual([]);
    });
  });
}
