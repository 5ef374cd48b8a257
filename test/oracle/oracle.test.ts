/** The independent reader agrees with the product on every byte, and refuses what is damaged. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { temporary } from "../support/tree.ts";
import { oracleDifferences } from "./compare.ts";
import { digest } from "./digest.ts";
import { Oracle } from "./reader.ts";

function noise(length: number, seed: number): Uint8Array {
  let x = seed;
  return Buffer.alloc(length).map(() => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  });
}

describe("the oracle", () => {
  it("restores two generations identically", { timeout: 120_000 }, async () => {
    using place = temporary();
    const source = join(place.path, "source");
    mkdirSync(join(source, "many"), { recursive: true });
    for (let i = 0; i < 700; i++)
      writeFileSync(join(source, "many", `f${i}`), `file ${i}\n`.repeat(i % 9));
    writeFileSync(join(source, "noise"), noise(900_000, 1));
    writeFileSync(join(source, "text"), "line after line\n".repeat(30_000));
    writeFileSync(
      join(source, "paged"),
      Buffer.concat([Buffer.from("SQLite format 3\0"), noise(700_000, 2)]),
    );
    execFileSync("python3", [
      "-c",
      "import sys\nf=open(sys.argv[1],'wb')\nf.seek(3000000)\nf.write(b'end')\nf.seek(100000)\nf.write(b'x'*5000)",
      join(source, "sparse"),
    ]);
    const { save, secret, bring } = await fixture(place.path);
    await save([source]);
    writeFileSync(join(source, "many", "f3"), "another");
    const { snapshot } = await save([source]);
    const oracle = new Oracle(join(place.path, "repo"), secret);
    expect(oracle.problems).toEqual([]);
    const [first, second] = oracle.snapshots;
    // The source itself is what the second snapshot says, and the first differs in one file.
    const path = Buffer.from(source);
    expect(oracleDifferences(oracle, second?.id ?? "", path, source)).toEqual([]);
    const old = oracleDifferences(oracle, first?.id ?? "", path, source);
    expect(old.filter((d) => d.includes("f3"))).toHaveLength(1);
    expect(old.filter((d) => !d.includes("f3") && !d.includes("many"))).toEqual([]);
    await bring(snapshot, source, join(place.path, "out"));
    const digests = oracle.snapshots.map((s) => {
      const root = s.sections[0]?.units[0]?.root ?? Buffer.alloc(0);
      const names = source
        .split("/")
        .slice(1)
        .map((n) => Buffer.from(n));
      const top = oracle.find(root, names);
      return top?.content.kind === "folder" ? digest(oracle, top.content.page).toString("hex") : "";
    });
    expect(new Set(digests).size).toBe(2);
  });

  it("refuses a flipped bit", async () => {
    using place = temporary();
    const file = join(place.path, "file");
    writeFileSync(file, "content");
    const { save, secret } = await fixture(place.path);
    await save([file]);
    const packs = join(place.path, "repo", "packs");
    const pack =
      readdirSync(packs, { recursive: true, encoding: "utf8" })
        .map((n) => join(packs, n))
        .find((p) => statSync(p).isFile()) ?? "";
    const bytes = readFileSync(pack);
    bytes.writeUInt8(bytes.readUInt8(90) ^ 1, 90);
    writeFileSync(pack, bytes);
    expect(new Oracle(join(place.path, "repo"), secret).problems[0]).toMatch(/name/);
  });
});
