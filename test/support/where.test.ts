/** A project named after a server has its repositories there, and tests come at every object. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporary } from "./tree.ts";
import { addressOf, BUCKET, folderOf, newStore, objectsOf, storeAt } from "./where.ts";

it("is in a bucket of the server that the project is named after, and nowhere else", ({ task }) => {
  const { projectName = "" } = task.file;
  expect(BUCKET?.kind ?? "here").toBe(projectName || "here");
  const place = "/tmp/some place/repo";
  const [address, store] = [addressOf(place), storeAt(place)];
  expect(address).toBe(BUCKET ? `s3://${BUCKET.bucket}/tmp/some_place/repo` : place);
  expect(store.description.startsWith(address)).toBe(true);
  expect([store.folder, newStore().folder]).toEqual([BUCKET ? null : place, null]);
});

it("lets a test read, replace, change and remove any object", async () => {
  using place = temporary();
  for (const store of [storeAt(join(place.path, "repo")), newStore()]) {
    const { names, read, write, change, remove } = objectsOf(store);
    await write("packs/aa/one", Buffer.from("first"));
    await write("packs/bb/two", Buffer.from("other"));
    await write("packs/aa/one", Buffer.from("again"));
    expect(`${await store.get("packs/aa/one")}`).toBe("again");
    await folderOf(store);
    await change("packs/bb/two", (bytes) => bytes.write("O"));
    // What was copied before is copied anew, though it is as long as it was.
    const folder = await folderOf(store);
    const copied = folder === null ? "Other" : `${readFileSync(join(folder, "packs/bb/two"))}`;
    expect(copied).toBe("Other");
    expect(`${await read("packs/bb/two")}`).toBe("Other");
    expect(await names("packs/")).toEqual(["packs/aa/one", "packs/bb/two"]);
    await remove("packs/aa/one");
    expect(await names()).toEqual(["packs/bb/two"]);
    await expect(store.get("packs/aa/one")).rejects.toMatchObject({ code: "object_missing" });
  }
});
