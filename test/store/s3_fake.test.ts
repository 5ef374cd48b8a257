/** The fake is real enough: the store contract holds on it, too, and objects in parts. */
import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { storeContract } from "../contract/store.ts";
import { startFake } from "../support/fake_s3.ts";
import { failure } from "../support/outcome.ts";

storeContract("our own fake of S3", async () => {
  const fake = await startFake();
  return { store: fake.open(), [Symbol.dispose]: () => fake[Symbol.dispose]() };
});

it("keeps large objects in parts, and what is stored under a name stays", async () => {
  using fake = await startFake();
  const store = fake.open({ single: 1000, part: 1000 });
  const bytes = randomBytes(3500);
  await store.put("packs/aa/large", bytes);
  expect(fake.seen.map(({ kind }) => kind).sort()).toEqual([
    "begin",
    "join",
    "part",
    "part",
    "part",
    "part",
  ]);
  expect((await store.get("packs/aa/large")).equals(bytes)).toBe(true);
  await expect(store.put("packs/aa/large", bytes)).resolves.toBeDefined();
  const other = await failure(store.put("packs/aa/large", randomBytes(3500)));
  expect(other.code).toBe("object_exists");
  expect(fake.bucket.uploads.size).toBe(0);
});
