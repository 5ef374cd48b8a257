/** Bad input: what is damaged, missing or wrong is said, and never changes what a command means. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, openRepository, selectSnapshot, toFailure } from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { temporary } from "../support/tree.ts";
import { BUCKET, storeAt } from "../support/where.ts";

/** Bytes of an object that are changed one after the other. */
const EACH = BUCKET === null ? 24 : 6;

async function small() {
  const place = temporary();
  const source = join(place.path, "file");
  writeFileSync(source, "some content that matters\n".repeat(20));
  const made = await fixture(place.path);
  const { snapshot } = await made.save([source]);
  return { ...made, place, source, snapshot };
}

describe("damage", () => {
  it("of any byte of any object is seen by check --read or by opening", {
    timeout: 120_000,
  }, async () => {
    const { place, objects, secret, runtime } = await small();
    using _ = place;
    let flips = 0;
    for (const name of await objects.names()) {
      const good = await objects.read(name);
      for (let at = 0; at < good.length; at += Math.max(1, Math.floor(good.length / EACH))) {
        const bad = Buffer.from(good);
        bad.writeUInt8(bad.readUInt8(at) ^ (1 << (at % 8)), at);
        await objects.write(name, bad);
        flips++;
        const events: string[] = [];
        const watched = { ...runtime, emit: (e: { event: string }) => events.push(e.event) };
        const seen = await openRepository(storeAt(join(place.path, "repo")), secret, watched)
          .then((r) => check(watched, r, { read: 1 }))
          .then(
            (r) => r.problems.length > 0 || events.includes("warning"),
            () => true,
          );
        expect(seen, `${name} at ${at}`).toBe(true);
      }
      await objects.write(name, good);
    }
    expect(flips).toBeGreaterThan(6 * EACH);
  });

  it("of the newest snapshot does not make latest mean the one before", async () => {
    const { place, objects, save, open, source } = await small();
    using _ = place;
    const before = await objects.names("snapshots/");
    await save([source]);
    const all = await objects.names("snapshots/");
    const newest = all.find((name) => !before.includes(name)) ?? "";
    await objects.write(newest, (await objects.read(newest)).subarray(0, 100));
    const found = await (await open()).snapshots();
    expect(() => selectSnapshot(found, "latest", Date.now())).toThrow(/cannot be read/);
    const [readable] = found.snapshots;
    expect(readable && selectSnapshot(found, readable.id.toString("hex").slice(0, 8), 0)).toBe(
      readable,
    );
  });

  it("says which file a missing pack hits, and the next backup heals it", async () => {
    const { place, objects, open, runtime, source, save, bring } = await small();
    using _ = place;
    await objects.remove(...(await objects.names("packs/")));
    const broken = await check(runtime, await open(), { read: 0 });
    expect(broken.problems.length).toBeGreaterThan(0);
    const { snapshot } = await save([source]);
    const out = join(place.path, "out");
    expect((await bring(snapshot, source, out)).troubles).toBe(0);
    expect(readFileSync(join(out, "file"))).toEqual(readFileSync(source));
  });
});

describe("bad input", () => {
  it("has its own code: no repository, wrong secret, a second init", async () => {
    const { place, store, runtime, secret } = await small();
    using _ = place;
    const { init } = await import("../../src/index.ts");
    const code = (p: Promise<unknown>) =>
      p.then(
        () => "none",
        (e: unknown) => toFailure(e).code,
      );
    const wrong = { kind: "keyfile", bytes: Buffer.alloc(32) } as const;
    expect(await code(openRepository(store, wrong, runtime))).toBe("wrong_secret");
    expect(await code(openRepository(storeAt(join(place.path, "none")), secret, runtime))).toBe(
      "no_repository",
    );
    expect(await code(init(runtime, store, secret))).toBe("repository_exists");
  });

  it("opens with the recovery key, and with a typing error says so", async () => {
    const { place, store, runtime, made } = await small();
    using _ = place;
    const { drill, readRecoveryKey, showRecoveryKey } = await import("../../src/index.ts");
    const text = showRecoveryKey(made.recoveryKey);
    expect(
      await drill(runtime, store, { kind: "recovery", bytes: readRecoveryKey(text.toLowerCase()) }),
    ).toMatchObject({ snapshots: 1, unreadable: 0 });
    const typo = (text.startsWith("0") ? "1" : "0") + text.slice(1);
    expect(() => readRecoveryKey(typo)).toThrow(/checksum|typing/);
  });
});
