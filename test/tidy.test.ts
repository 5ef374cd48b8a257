/** The plan of the house as rules over the sources; each rule is seen failing on a planted violation. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

interface Source {
  readonly path: string;
  readonly text: string;
}

const ROOT = join(import.meta.dirname, "..");

function sources(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((path) => /\.(ts|rs)$/.test(path) && statSync(join(ROOT, path)).isFile())
      .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") })),
  );
}

const MAY_IMPORT: Record<string, string[]> = {
  base: [],
  seam: ["base"],
  store: ["base"],
  format: ["base", "seam"],
  repo: ["base", "seam", "format", "store/store.ts"],
  verbs: ["base", "repo", "seam", "format", "store/store.ts"],
  cli: ["base", "index.ts"],
};

type Rule = (source: Source) => string[];

const layers: Rule = ({ path, text }) => {
  const own = /^src\/(\w+)\//.exec(path)?.[1];
  if (own === undefined) return [];
  return [...text.matchAll(/^(?:import|export) (?!type )[^;]*?from "(\.[^"]+)"/gms)]
    .map((m) => join(path, "..", m[1] ?? "").replace(/^src\//, ""))
    .filter(
      (to) =>
        !to.startsWith(`${own}/`) &&
        !(MAY_IMPORT[own] ?? []).some((a) => to === a || to.startsWith(`${a}/`)),
    )
    .map((to) => `${path} imports ${to}`);
};

const size: Rule = ({ path, text }) =>
  text.split("\n").length > 400 ? [`${path} has over 400 lines`] : [];

const words: Rule = ({ path, text }) =>
  [...text.matchAll(/\b\w*(Manager|Helper|Util|Handler|Processor|Impl)s?\b/g)].map(
    (m) => `${path} says ${m[0]}`,
  );

const names: Rule = ({ path, text }) =>
  path.startsWith("src/") &&
  path !== "src/repo/layout.ts" &&
  /["'`](packs|slots|snapshots|claims|keys)\//.test(text)
    ? [`${path} spells an object name`]
    : [];

const ADAPTERS = [
  "src/base/runtime.ts",
  "src/store/files.ts",
  "src/seam/native.ts",
  "src/verbs/restore.ts",
];
const world: Rule = ({ path, text }) =>
  path.startsWith("src/") && !path.startsWith("src/cli/") && !ADAPTERS.includes(path)
    ? [...text.matchAll(/node:fs|Date\.now|Math\.random|setTimeout/g)].map(
        (m) => `${path} uses ${m[0]}`,
      )
    : [];

const exported: Rule = ({ path, text }) =>
  path.endsWith(".ts") && /^export default|^(export )?(const )?enum /m.test(text)
    ? [`${path} has a default export or enum`]
    : [];
const index: Rule = ({ path }) =>
  /(^|\/)index\.ts$/.test(path) && path !== "src/index.ts" ? [`${path} is named index`] : [];

const RULES: [string, Rule, Source][] = [
  ["layers", layers, { path: "src/base/x.ts", text: 'import { a } from "../store/fs.ts";' }],
  ["at most 400 lines", size, { path: "src/base/x.ts", text: "\n".repeat(401) }],
  ["no banned words", words, { path: "src/base/x.ts", text: "class Store\x4danager {}" }],
  ["only layout spells names", names, { path: "src/verbs/x.ts", text: 'const a = "packs/";' }],
  ["the world through adapters", world, { path: "src/verbs/x.ts", text: "Date.now()" }],
  ["no default exports or enums", exported, { path: "src/base/x.ts", text: "export default 1;" }],
  ["one file named index", index, { path: "src/verbs/index.ts", text: "" }],
];

describe("the house", () => {
  const all = sources("src", "test", "bench", "native/core/src", "native/addon/src").filter(
    (s) => s.path !== "test/tidy.test.ts",
  );

  it("has sources to check", () => expect(all.length).toBeGreaterThan(50));

  it.each(RULES)("keeps to: %s", (_name, rule) => expect(all.flatMap(rule)).toEqual([]));

  it.each(RULES)("sees a planted violation of: %s", (_name, rule, planted) =>
    expect(rule(planted)).not.toEqual([]),
  );
});
