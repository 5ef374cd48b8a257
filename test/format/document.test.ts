/** FORMAT.md says what the code does: its tables against the code's constants. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ACROSS, CLASSES, INSIDE } from "../../src/base/state.ts";
import { TYPES as SHARED, TYPE_OFFSET } from "../../src/format/header.ts";
import { RETIRED } from "../../src/format/retired.ts";
import { RULES } from "../../src/format/section.ts";
import { FOLDERS } from "../../src/repo/layout.ts";
import { native } from "../../src/seam/native.ts";
import { Layout, LIMITS, TEXT, TYPES, table } from "../oracle/document.ts";
import { make } from "../oracle/vectors/make.ts";

const constants = JSON.parse(native.formatConstants()) as Record<string, number> & {
  types: Record<string, number>;
  kinds: number[];
  extensions: [number, number][];
};

describe("FORMAT.md", () => {
  it.each([
    ["field", "header"],
    ["locator", "locator"],
    ["contents", "contentsFixed"],
    ["block row", "blockRow"],
    ["run", "runFixed"],
    ["pack row", "packRow"],
  ])("lays out every byte of: %s", (name, constant) => {
    expect(new Layout(name).size).toBe(constants[constant]);
  });

  it.each([
    ["bytes of a record", "recordLimit"],
    ["bytes of a pack", "packLimit"],
    ["plaintext bytes of a block", "blockLimit"],
    ["plaintext bytes of an index run", "runLimit"],
    ["bytes of a page", "pageLimit"],
    ["ChunkIds in an entry", "inlineIds"],
    ["levels of lists", "levels"],
    ["depth of arrays", "depth"],
    ["Argon2id KiB, least when made", "kdfFloorKiB"],
    ["Argon2id passes, least when made", "kdfFloorPasses"],
    ["Argon2id KiB, most when read", "kdfCeilingKiB"],
    ["Argon2id passes, most when read", "kdfCeilingPasses"],
    ["Argon2id lanes, most when read", "kdfCeilingLanes"],
    ["minimum of a cut", "cutMinimum"],
    ["average of a cut", "cutAverage"],
    ["maximum of a cut", "cutMaximum"],
    ["bytes of a paged chunk", "pagedChunk"],
  ])("limits %s", (name, constant) => {
    expect(constants[constant]).toBeTypeOf("number");
    expect(LIMITS.get(name)).toBe(constants[constant]);
  });

  it("limits nothing that is not compared, but slots", () => {
    const key = readFileSync(join(import.meta.dirname, "../../src/verbs/key.ts"), "utf8");
    expect(LIMITS.get("slots")).toBe(Number(/SLOTS = (\d+)/.exec(key)?.[1]));
    expect(LIMITS.size).toBe(18);
  });
});

describe("FORMAT.md's words", () => {
  it("numbers the types as the code does", () => {
    expect(Object.fromEntries(TYPES)).toEqual(constants.types);
    for (const [type, number] of Object.entries(SHARED)) expect(TYPES.get(type)).toBe(number);
    expect(new Layout("field").slice("type").offset).toBe(TYPE_OFFSET);
  });

  it("names the folders as the code does", () => {
    const said = table("folder", "holds").rows.map(
      ([folder = ""]) => /^`(\w+\/)/.exec(folder)?.[1],
    );
    expect(new Set(said.filter((f) => f))).toEqual(new Set(Object.values(FOLDERS)));
  });

  it("counts contents and locator as the code does", () => {
    const counters = table("part", "counter").rows.map(([part, n]) => [part, Number(n)]);
    expect(counters.slice(1)).toEqual([
      ["contents", constants.contentsCounter],
      ["locator", constants.locatorCounter],
    ]);
  });

  it("numbers entry kinds and extensions as the code does", () => {
    const kinds = table("kind", "entry").rows.map(([kind]) => kind);
    expect(kinds).toEqual([...constants.kinds.map(String), `7 to ${constants.kindsMost}`]);
    const rows = table("extension of", "id").rows.filter(([of]) => of === "entry");
    expect(rows.map(([, id, critical]) => [Number(id), Number(critical)])).toEqual(
      constants.extensions,
    );
    const config = table("extension of", "id").rows.find(([of]) => of === "config") ?? [];
    expect([config[1], config[2], config[3]?.split(":")[0]]).toEqual([
      String(RETIRED),
      "0",
      "retired slots",
    ]);
  });

  it("numbers classes, rules and consistency as the code does", () => {
    const column = (at: number) =>
      table("number", "slot kind").rows.map((row) => (row[at] ?? "").split(/[:,]/)[0]);
    expect(column(3).slice(1)).toEqual([...CLASSES]);
    expect(column(4).slice(0, 5)).toEqual([...INSIDE]);
    expect(column(5).slice(0, 3)).toEqual([...ACROSS]);
    expect(column(2).filter((r) => r !== "")).toHaveLength(Object.keys(RULES).length);
    expect(Object.values(RULES)).toEqual([1, 2, 3, 4, 5]);
  });

  it("names every derivation that the code uses, and no other", () => {
    const said = new Set(TEXT.match(/"holdall v1 (?!type|content)[a-z ]+"/g));
    const sources = ["keyring", "object", "cut"].map((name) =>
      readFileSync(join(import.meta.dirname, `../../native/core/src/${name}.rs`), "utf8"),
    );
    const used = new Set(sources.join().match(/"holdall v1 (?!type)[a-z ]+"/g));
    for (const kind of ["data", "page", "list"]) used.add(`"holdall v1 id ${kind}"`);
    expect(said).toEqual(used);
  });

  it("shows one object of each type, as the vectors have it", () => {
    const { records, packs } = make();
    for (const type of Object.keys(constants.types).slice(0, 16)) {
      const all = [...records, ...packs.map((p) => ({ ...p, type: "pack" }))];
      const good = all.find((c) => c.type === type && c.name.startsWith("good-"));
      const shown = example(type);
      expect(shown.name, type).toBe(good?.object);
      expect(good?.hex.startsWith(shown.hex) && shown.hex.length >= 512, type).toBe(true);
    }
  });
});

/** An example's name, and as much of its bytes as is shown. */
function example(type: string): { name: string; hex: string } {
  const text = new RegExp(
    `^\\*\\*${type}\\*\\* \`([0-9a-f-]+)\`[^\\n]*\\n\\n((?: {4}[0-9a-f]+\\n)+)`,
    "m",
  );
  const [, name = "", lines = ""] = text.exec(TEXT) ?? [];
  return { name, hex: lines.replace(/\s/g, "") };
}
