/** A second backup stores what is new, and a restore repairs what is wrong: no more. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { temporary } from "../support/tree.ts";
import { newStore } from "../support/where.ts";

type Tree = { [name: string]: Uint8Array | Tree };

function write(folder: string, tree: Tree): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, value] of Object.entries(tree)) {
    if (value instanceof Uint8Array) writeFileSync(join(folder, name), value);
    else write(join(folder, name), value);
  }
}

describe("an incremental backup", () => {
  it("stores no content for a renamed tree and opens no unchanged file", async () => {
    using place = temporary();
    const source = join(place.path, "source");
    write(source, { old: { a: new Uint8Array(50_000).fill(7), b: new Uint8Array([1, 2]) } });
    const { save } = await fixture(place.path);
    await save([source]);
    // Same-tick edits are read again by rule: let the tick pass, and save once outside of it.
    await new Promise((done) => setTimeout(done, 50));
    await save([source]);
    // Not even root's read is needed when nothing is opened; what is opened has its atime moved.
    renameSync(join(source, "old"), join(source, "new"));
    const { newBytes, snapshot } = await save([source]);
    expect(newBytes).toBeLessThan(4000);
    expect(snapshot.section.units[0]?.files).toBe(2);
  });

  it("reuses what an interrupted backup had indexed", async () => {
    using place = temporary();
    const source = join(place.path, "source");
    write(source, { a: new Uint8Array(100_000).map((_, i) => (i * i) % 251) });
    const store = newStore();
    let cut = false;
    const failing = {
      ...store,
      put: async (name: string, bytes: Uint8Array) => {
        if (cut && name.startsWith("snapshots/")) throw new Error("killed");
        return store.put(name, bytes);
      },
    };
    const { save } = await fixture(place.path, failing);
    cut = true;
    await expect(save([source])).rejects.toThrow("killed");
    cut = false;
    const again = await save([source]);
    // Hints of same-tick files may differ; content is not stored twice.
    expect(again.newBytes).toBeLessThan(1000);
  });
});

describe("restore", () => {
  it("never deletes beside a partially saved folder", async () => {
    using place = temporary();
    const source = join(place.path, "here", "source");
    write(source, { a: new Uint8Array([1]) });
    const { save, bring } = await fixture(place.path);
    const { snapshot } = await save([source]);
    const neighbour = join(place.path, "here", "neighbour");
    writeFileSync(neighbour, "mine");
    writeFileSync(join(source, "extra"), "goes");
    await bring(snapshot, "/", "/", { delete: true });
    expect(readFileSync(neighbour, "utf8")).toBe("mine");
    expect(() => readFileSync(join(source, "extra"))).toThrow();
  });

  it("repairs only what is wrong", async () => {
    using place = temporary();
    const source = join(place.path, "source");
    write(source, {
      big: new Uint8Array(3_000_000).map((_, i) => (i * 31 + (i >> 8)) & 255),
      small: new Uint8Array([5]),
    });
    const { save, bring } = await fixture(place.path);
    const { snapshot } = await save([source]);
    appendFileSync(join(source, "big"), "tail");
    chmodSync(join(source, "small"), 0o777);
    rmSync(join(source, "small"));
    const result = await bring(snapshot, source, source);
    expect(result.written).toBeLessThan(300_000);
    expect(readFileSync(join(source, "big"))).toHaveLength(3_000_000);
  });
});
