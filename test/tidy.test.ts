/** The plan of the house over all sources; every rule is seen to fail on a planted violation. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { VERBS } from "../src/cli/verbs.ts";
import { rules, type Source } from "./support/house.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

/** Sources below some folders; but not the rules, which show what they forbid. */
function sources(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((path) => /\.(ts|rs)$/.test(path) && statSync(join(ROOT, path)).isFile())
      .filter((path) => path !== "test/support/house.ts")
      .map((path) => ({ path, text: read(path) })),
  );
}

const { dependencies } = JSON.parse(read("package.json")) as { dependencies: object };
const all = sources("src", "test", "bench", "native/core", "native/addon", "native/watchdog");
const RULES = rules(Object.keys(dependencies));

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/** Calls that delete a stored object; decorators, which pass them on, are stores themselves. */
function removals(of: Source[]): string[] {
  return of
    .filter(({ path }) => /^src\/(?!store\/)/.test(path))
    .flatMap(({ path, text }) => [...text.matchAll(/\bstore\.remove\(/g)].map(() => path));
}

const wrongRecords = (names: string[]) =>
  names.filter((name, at) => {
    const number = /^D-\d\d-(?=[a-z0-9-]+\.md$)/.exec(name)?.[0];
    return !number || names.findIndex((n) => n.startsWith(number)) !== at;
  });

/** Verbs of the command line that a text does not speak of. */
const unsaid = (text: string) => Object.keys(VERBS).filter((verb) => !text.includes(`\`${verb}\``));

const STRICT = [
  ["strict", "noUncheckedIndexedAccess", "exactOptionalPropertyTypes", "verbatimModuleSyntax"],
  ["erasableSyntaxOnly", "noImplicitOverride", "noImplicitReturns", "noFallthroughCasesInSwitch"],
  ["noUnusedLocals", "noUnusedParameters"],
  ["isolatedModules", "forceConsistentCasingInFileNames"],
  ["allowUnreachableCode", "allowUnusedLabels", "skipLibCheck"],
].flat();
const OFF = ["allowUnreachableCode", "allowUnusedLabels", "skipLibCheck"];

const lax = (options: Record<string, unknown>) =>
  STRICT.filter((flag) => options[flag] !== !OFF.includes(flag));

describe("the house", () => {
  it("has sources to check", () => expect(all.length).toBeGreaterThan(50));

  describe.each(RULES)("$name", ({ judge, planted }) => {
    it("holds everywhere", () => expect(all.flatMap(judge)).toEqual([]));

    it.each(planted)("is seen broken: $text $path", (source) =>
      expect(judge(source)).not.toEqual([]),
    );
  });

  it("has a median file of at most 150 lines", () => {
    expect(median([1, 200, 160, 2, 170])).toBe(160);
    expect(median(all.map(({ text }) => text.split("\n").length))).toBeLessThanOrEqual(150);
  });

  it("deletes stored objects in one place at most", () => {
    const planted = { path: "src/verbs/x.ts", text: "store.remove(a, b); store.remove(c, d);" };
    expect(removals([planted])).toHaveLength(2);
    expect(removals(all).length).toBeLessThanOrEqual(1);
  });

  it("has decision records named D-NN-title.md, one of each number", () => {
    expect(wrongRecords(["D-01-a.md", "D-01-b.md", "seam.md"])).toEqual(["D-01-b.md", "seam.md"]);
    expect(wrongRecords(readdirSync(join(ROOT, "decisions")))).toEqual([]);
  });

  it("speaks of every verb in README", () => {
    expect(unsaid("").length).toBeGreaterThan(5);
    expect(unsaid(read("README.md"))).toEqual([]);
  });

  it("compiles with every strict flag", () => {
    const { compilerOptions } = JSON.parse(read("tsconfig.json")) as {
      compilerOptions: Record<string, unknown>;
    };
    expect(lax({ ...compilerOptions, strict: false })).toEqual(["strict"]);
    expect(lax(compilerOptions)).toEqual([]);
  });
});
