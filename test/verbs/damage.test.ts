/** Bad input: what is damaged, missing or wrong is said, and never changes what a command means. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, openRepository, selectSnapshot, toFailure } from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { temporary } from "../support/tree.ts";

function objects(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((n) => join(folder, n))
    .filter((p) => statSync(p).isFile());
}

async function small() {
  const place = temporary();
  const source = join(place.path, "file");
  writeFileSync(source, "some content that matters\n".repeat(20));
  const made = await fixture(place.path);
  const { snapshot } = await made.save([source]);
  return { ...made, place, source, snapshot, repo: join(place.path, "repo") };
}

describe("damage", () => {
  it("of any byte of any object is seen by check --read or by opening", {
    timeout: 120_000,
  }, async () => {
    const { place, repo, secret, runtime } = await small();
    using _ = place;
    let flips = 0;
    for (const path of objects(repo)) {
      const good = readFileSync(path);
      for (let at = 0; at < good.length; at += Math.max(1, Math.floor(good.length / 24))) {
        const bad = Buffer.from(good);
        bad.writeUInt8(bad.readUInt8(at) ^ (1 << (at % 8)), at);
        writeFileSync(path, bad);
        flips++;
        const events: string[] = [];
        const watched = { ...runtime, emit: (e: { event: string }) => events.push(e.event) };
        const seen = await openRepository(
          (await import("../../src/index.ts")).openStore(repo),
          secret,
          watched,
        )
          .then((r) => check(watched, r, { read: 1 }))
          .then(
            (r) => r.problems.length > 0 || events.includes("warning"),
            () => true,
          );
        expect(seen, `${path} at ${at}`).toBe(true);
      }
      writeFileSync(path, good);
    }
    expect(flips).toBeGreaterThan(150);
  });

  it("of the newest snapshot does not make latest mean the one before", async () => {
    const { place, repo, save, open, source } = await small();
    using _ = place;
    const before = objects(join(repo, "snapshots"));
    await save([source]);
    const newest = objects(join(repo, "snapshots")).find((p) => !before.includes(p)) ?? "";
    writeFileSync(newest, readFileSync(newest).subarray(0, 100));
    const all = await (await open()).snapshots();
    expect(() => selectSnapshot(all, "latest", Date.now())).toThrow(/cannot be read/);
    const [readable] = all.snapshots;
    expect(readable && selectSnapshot(all, readable.id.toString("hex").slice(0, 8), 0)).toBe(
      readable,
    );
  });

  it("says which file a missing pack hits, and the next backup heals it", async () => {
    const { place, repo, open, runtime, source, save, bring } = await small();
    using _ = place;
    for (const pack of objects(join(repo, "packs"))) rmSync(pack);
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
    const { place, store, runtime, secret, repo } = await small();
    using _ = place;
    const { init, openStore } = await import("../../src/index.ts");
    const code = (p: Promise<unknown>) =>
      p.then(
        () => "none",
        (e: unknown) => toFailure(e).code,
      );
    const wrong = { kind: "keyfile", bytes: Buffer.alloc(32) } as const;
    expect(await code(openRepository(store, wrong, runtime))).toBe("wrong_secret");
    expect(await code(openRepository(openStore(`${repo}-none`), secret, runtime))).toBe(
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
