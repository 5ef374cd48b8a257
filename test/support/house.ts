/**
 * The plan of the house as rules over one source each; every rule carries a violation it must see.
 */
import { join } from "node:path";

export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Rule {
  readonly name: string;
  /** What is wrong with a source; nothing, where the rule is not about it. */
  readonly judge: (source: Source) => string[];
  readonly planted: Source[];
}

const isTs = (path: string) => path.endsWith(".ts");

/** A rule that finds a pattern where `about` says it must not be. */
function never(
  name: string,
  pattern: RegExp,
  about: (path: string) => boolean,
  ...planted: [path: string, text: string][]
): Rule {
  return {
    name,
    judge: ({ path, text }) =>
      about(path) ? [...text.matchAll(pattern)].map((m) => `${path}: ${m[0].trim()}`) : [],
    planted: planted.map(([at, text]) => ({ path: at, text })),
  };
}

/** What a folder may import from others; `verbs` from `format` and `seam`: see D-07. */
const MAY_IMPORT: Record<string, string[]> = {
  base: [],
  seam: ["base"],
  store: ["base"],
  format: ["base", "seam"],
  archive: ["base", "seam", "format", "store/store.ts"],
  freeze: ["base", "seam"],
  capture: ["base", "seam", "freeze/stage.ts"],
  instance: ["base", "freeze/freezer.ts", "freeze/level.ts", "capture/capture.ts"],
  repo: ["base", "seam", "format", "store/store.ts"],
  verbs: ["base", "repo", "instance", "format", "seam", "store/store.ts"].concat([
    "freeze/freezer.ts",
    "freeze/instance.ts",
    "freeze/level.ts",
    "freeze/tried.ts",
    "capture/capture.ts",
  ]),
  cli: ["base", "index.ts"],
};

interface Import {
  readonly names: string;
  readonly from: string;
}

/** Imports that remain when types are erased, also those made while running. */
function imports(text: string): Import[] {
  const still = text.matchAll(/^(?:import|export)\s+(?!type\b)([^;"]*?)\s*(?:from\s*)?"([^"]+)"/gm);
  const later = text.matchAll(/\bimport\("([^"]+)"\)(?!\.)/g);
  return [
    ...[...still].map((m) => ({ names: m[1] ?? "", from: m[2] ?? "" })),
    ...[...later].map((m) => ({ names: "", from: m[1] ?? "" })),
  ].filter(({ names }) => !/^\{(\s*type \w+,?)+\s*\}$/.test(names));
}

/** Where a relative import leads, from the root; "" for a package. */
const target = (path: string, from: string) => (from.startsWith(".") ? join(path, "..", from) : "");

const layers: Rule = {
  name: "a folder imports only what lies below it",
  judge: ({ path, text }) => {
    const own = /^src\/(\w+)\//.exec(path)?.[1];
    if (own === undefined || !isTs(path)) return [];
    const allowed = [...(MAY_IMPORT[own] ?? []), ...(own === "verbs" ? [] : [own])];
    return imports(text)
      .map(({ from }) => target(path, from).replace(/^src\//, ""))
      .filter((to) => to !== "" && !allowed.some((a) => to === a || to.startsWith(`${a}/`)))
      .map((to) => `${path} imports ${to}`);
  },
  planted: [
    { path: "src/base/x.ts", text: 'import { a } from "../store/fs.ts";' },
    { path: "src/verbs/x.ts", text: 'import { a } from "./backup.ts";' },
    { path: "src/repo/x.ts", text: 'import { type A, b } from "../store/fs.ts";' },
    { path: "src/verbs/x.ts", text: 'export { a } from "../index.ts";' },
    { path: "src/cli/x.ts", text: 'const a = await import("../verbs/backup.ts");' },
    { path: "src/store/x.ts", text: 'import "../format/claim.ts";' },
  ],
};

const NATIVE = "@holdall/linux-x64";

function packages(declared: string[]): Rule {
  return {
    name: "the product imports Node's modules and declared packages only; the core through the seam",
    judge: ({ path, text }) =>
      /^src\/.*\.ts$/.test(path)
        ? [...text.matchAll(/(?:from|import\(|^import) ?"([^."][^"\n]*)"/gm)]
            .map((m) => m[1] ?? "")
            .filter((from) => !from.startsWith("node:") && !declared.includes(from))
            .filter((from) => from !== NATIVE || !path.startsWith("src/seam/"))
            .map((from) => `${path} imports ${from}`)
        : [],
    planted: [
      { path: "src/cli/x.ts", text: 'import { it } from "vitest";' },
      { path: "src/repo/x.ts", text: `import type { Job } from "${NATIVE}";` },
      { path: "src/cli/x.ts", text: 'import fs from "fs";' },
    ],
  };
}

const oracle: Rule = {
  name: "the oracle shares no code with the product",
  judge: ({ path, text }) =>
    /^test\/oracle\/(?!.*\.test\.ts$)/.test(path)
      ? [...text.matchAll(/"(\.[^"]+\.ts)"/g)]
          .map((m) => target(path, m[1] ?? ""))
          .filter((to) => !to.startsWith("test/oracle/"))
          .map((to) => `${path} imports ${to}`)
      : [],
  planted: [{ path: "test/oracle/x.ts", text: 'import type { A } from "../../src/base/a.ts";' }],
};

const long = "long ".repeat(20);
const size: Rule = {
  name: "at most 400 lines of 100 columns; a line that is one long string is let be",
  judge: ({ path, text }) => {
    // A text of several lines, such as another language's program, is a string, too.
    const lines = text
      .replace(/(?<=(=|raw|\() ?)`[^`]*\n[^`]*`/g, (t) => t.replace(/.+/g, ""))
      .split("\n");
    const wide = lines.filter(
      (line) => [...line].length > 100 && !/^(?!\s*(\/[/*]| \*)).*(["'`]).{30,}/.test(line),
    );
    return [
      ...(lines.length > 401 ? [`${path} has over 400 lines`] : []),
      ...wide.map((line) => `${path}: ${line.trim()}`),
    ];
  },
  planted: [
    { path: "src/base/x.ts", text: "\n".repeat(401) },
    { path: "src/base/x.ts", text: `// ${long}` },
    { path: "native/core/src/x.rs", text: `let ${long.replaceAll(" ", "_")} = 1;` },
  ],
};

const BANNED = "manager|helper|util|handler|processor|impl|misc|data2";
const fileNames: Rule = {
  name: "no banned word in a file's name, and only one file named index",
  judge: ({ path }) => [
    ...(new RegExp(`(^|[/_.-])(${BANNED})s?([/_.-]|$)`, "i").test(path) ? [path] : []),
    ...(/(^|\/)index\.\w+$/.test(path) && !/^(src\/index\.ts|native\/core\/.*)$/.test(path)
      ? [path]
      : []),
  ],
  planted: [
    { path: "src/base/path_utils.ts", text: "" },
    { path: "test/support/helpers.ts", text: "" },
    { path: "src/verbs/index.ts", text: "" },
  ],
};

/** Names that house.md gives to nothing, because another word has the meaning. */
const SYNONYMS = [
  "Site|App|Surface|Volume|Blob|Hash|Digest|Container|Catalog|FileList|Realm|Backend",
  "Remote|Vault|SnapshotProvider|Strategy|Lease|Lock|Namespace",
].join("|");

const header: Rule = {
  name: "a file begins with a sentence that says what it is",
  judge: ({ path, text }) => {
    const says = isTs(path) ? /^(#!.*\n)?\/\*\*\s*\S/ : /^\/\/! \S/;
    return says.test(text) ? [] : [path];
  },
  planted: [
    { path: "src/base/x.ts", text: "export const a = 1;" },
    { path: "native/core/src/x.rs", text: "use a;" },
  ],
};

const commit: Rule = {
  name: "a verb's header names its commit point, or says that it changes nothing",
  judge: ({ path, text }) => {
    if (!path.startsWith("src/verbs/") || !/export (async )?function/.test(text)) return [];
    const said = /commit point|changes? (nothing|anything)/i;
    return said.test(text.slice(0, text.indexOf("*/")).replace(/\s*\n \*\s*/g, " ")) ? [] : [path];
  },
  planted: [{ path: "src/verbs/x.ts", text: "/** Sweeps. */\nexport function sweep() {}" }],
};

/** Who may touch what of the world, and the command line, which is at its edge. */
const ADAPTERS = new Map([
  ["src/base/runtime.ts", /./],
  ["src/store/files.ts", /node:fs/],
  ["src/store/s3/wire.ts", /node:https?|setTimeout/],
  // Temporary names: no run depends on them.
  ["src/store/fs.ts", /randomBytes/],
  ["src/seam/job.ts", /setInterval/],
  // Only to read on from a file that the core has opened.
  ["src/seam/spool.ts", /node:fs/],
  ["src/repo/cache.ts", /node:fs/],
  ["src/freeze/watchdog.ts", /node:child_process/],
  ["src/freeze/btrfs.ts", /node:fs/],
  ["src/freeze/clash.ts", /node:fs/],
  ["src/freeze/clone.ts", /node:fs/],
  ["src/freeze/enclosed.ts", /node:(fs|child_process)|setTimeout/],
  ["src/freeze/find.ts", /node:fs/],
  ["src/freeze/instance.ts", /node:fs/],
  ["src/freeze/open.ts", /node:fs/],
  ["src/freeze/steps/run.ts", /node:(fs|child_process)/],
  ["src/freeze/steps/wire.ts", /node:(fs|net)|setTimeout/],
  ["src/freeze/live.ts", /node:fs/],
  ["src/freeze/mirrored.ts", /node:fs/],
  ["src/freeze/stage.ts", /node:fs/],
  ["src/freeze/thaw.ts", /node:(child_process|fs)/],
  ["src/capture/program.ts", /node:child_process|setTimeout/],
  ...["capture", "check", "tablespaces"].map((name): [string, RegExp] => [
    `src/capture/${name}.ts`,
    /node:fs/,
  ]),
  // An inventory looks at everything there is, and keeps what it saw in the cache.
  ...[
    ...["load", "walk", "gather", "places", "processes", "outside", "pointers", "taken"],
    ...["ended", "trial", "wal"],
  ].map((name): [string, RegExp] => [`src/instance/${name}.ts`, /node:fs/]),
  ["src/instance/owners.ts", /node:(fs|child_process)/],
  // The target folder is made before the core opens it.
  ["src/verbs/restore.ts", /node:fs/],
]);
const WORLD =
  /node:(fs|timers|child_process|net|https?)\b|\b(Date\.now|new Date\(\)|Math\.random)|\b(setTimeout|setInterval|randomBytes|randomUUID|performance\.now)\b/g;
const world: Rule = {
  name: "clock, randomness and files are reached through named adapters",
  judge: ({ path, text }) =>
    /^src\/(?!cli\/)/.test(path)
      ? [...text.matchAll(WORLD)]
          .filter((m) => !ADAPTERS.get(path)?.test(m[0]))
          .map((m) => `${path} uses ${m[0]}`)
      : [],
  planted: [
    { path: "src/verbs/x.ts", text: "const now = Date.now();" },
    { path: "src/repo/x.ts", text: 'import { readFile } from "node:fs/promises";' },
    { path: "src/store/fs.ts", text: "setTimeout(act, 10);" },
  ],
};

const inSrc = (path: string) => path.startsWith("src/");

const PATTERNS: Rule[] = [
  never(
    "no banned word in an identifier",
    new RegExp(
      `\\w*(${BANNED.replace(/\b[a-z]/g, (c) => c.toUpperCase())})s?(?![a-z])\\w*` +
        `|\\b(\\w+_)?(${BANNED.replace("impl|", "")})s?(_\\w+)?\\b(?=\\s*[=:(,;.)])`,
      "g",
    ),
    () => true,
    ["src/base/x.ts", "class StoreManager {}"],
    ["src/base/x.ts", "const dateUtils = 1;"],
    ["native/core/src/x.rs", "fn f(path_helper: u8) {}"],
    ["src/base/x.ts", "const misc = 1;"],
  ),
  never(
    "one word per thing: no type has a word that means another's",
    new RegExp(`\\b(interface|type|class|struct|enum|trait) (${SYNONYMS})\\b`, "g"),
    (path) => inSrc(path) || path.startsWith("native/"),
    ["src/base/x.ts", "export interface Blob {}"],
    ["native/core/src/x.rs", "pub struct Digest;"],
  ),
  never(
    "only repo/layout.ts spells object names",
    /["'`](packs|slots|snapshots|claims|keys|tombstones|condemned|index)\//g,
    (path) => inSrc(path) && path !== "src/repo/layout.ts",
    ["src/verbs/x.ts", 'const a = "packs/";'],
  ),
  never(
    "no default exports, enums, namespaces or ts-comments",
    /^\s*(export default|(export )?(declare )?(const )?enum |(export )?(declare )?namespace )|@ts-\w+/gm,
    isTs,
    ["src/base/x.ts", "export default 1;"],
    ["src/base/x.ts", "export const enum A {}"],
    ["src/base/x.ts", "namespace A {}"],
    ["test/x.ts", "// @ts-ignore"],
  ),
  never(
    "no any",
    /(:|\bas|<|\|) ?any\b(?! [a-z])/g,
    isTs,
    ["test/x.ts", "const a: any = 1;"],
    ["src/base/x.ts", "f(a as any);"],
  ),
  never(
    "only the command line ends the process or writes to its output",
    /\bconsole\.|\bprocess\.(exit|exitCode|stdout|stderr)\b/g,
    (path) => /^src\/(?!cli\/)/.test(path),
    ["src/verbs/x.ts", "process.exit(1);"],
    ["src/repo/x.ts", 'console.log("a");'],
  ),
  never(
    "only repo starts native jobs",
    /\brunJob\b/g,
    (path) => inSrc(path) && !/^src\/(repo|seam)\//.test(path),
    ["src/verbs/x.ts", "runJob(keyring, index, spec, store, watch, signal);"],
  ),
  never(
    "no Promise.all over an array of unknown length",
    /\bPromise\.(all|allSettled|any|race)\((?!\[)/g,
    (path) => inSrc(path) && path !== "src/base/map_bounded.ts",
    ["src/verbs/x.ts", "await Promise.all(names.map(get));"],
  ),
  never(
    "nothing is left for later, no test is left out without a reason",
    /\b(TODO|FIXME|XXX)\b|\b(it|test|describe)\.(only|skip|todo)\b|\btodo!|\bunimplemented!/g,
    () => true,
    ["src/base/x.ts", "// TODO: more"],
    ["test/x.test.ts", "it.only('a', f);"],
    ["native/core/src/x.rs", "todo!()"],
  ),
];

/** All rules; `declared` are the packages that the product depends on. */
export const rules = (declared: string[]): Rule[] => [
  ...[layers, packages(declared), oracle, size, fileNames, header, commit, world],
  ...PATTERNS,
];
