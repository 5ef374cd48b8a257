/** Trees of real files, copied from what a developer's machine has, up to a hard limit. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { numbers, some } from "./seeded.ts";
import type { Drawing, State } from "./state.ts";

interface Found {
  readonly path: string;
  readonly bytes: number;
}

interface Limit {
  readonly files: number;
  readonly bytes: number;
}

function told(command: string, ...words: string[]): string {
  const said = spawnSync(command, words, { encoding: "utf8" });
  return said.status === 0 ? said.stdout.trim() : "";
}

const GO = told("go", "env", "GOROOT");
const GO_MODULES = told("go", "env", "GOMODCACHE");
const RUST = told("rustc", "--print", "sysroot");
const CARGO = process.env.CARGO_HOME ?? join(homedir(), ".cargo");

const SOURCE_ROOTS = [
  join(CARGO, "registry/src"),
  GO_MODULES && join(GO_MODULES, "github.com"),
  GO && join(GO, "src"),
  join(import.meta.dirname, "../../../node_modules"),
  "/usr/include",
  "/usr/share",
];
const BINARY_ROOTS = ["/usr/lib", RUST && join(RUST, "lib"), GO && join(GO, "pkg"), "/usr/bin"];

/** Regular files below a folder that fit, in the order of their names. */
function* filesBelow(root: string, fits: (file: Found) => boolean): Generator<Found> {
  for (const entry of readdirSync(root, { withFileTypes: true }).sort(byName)) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path, fits);
    if (!entry.isFile()) continue;
    const found = { path, bytes: lstatSync(path).size };
    if (fits(found)) yield found;
  }
}

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

/** Every root gives the same share of what it has, so that a smaller scale stays a mixture. */
function collect(roots: string[], limit: Limit, fits: (file: Found) => boolean): Found[] {
  const lists = roots.filter((r) => r && existsSync(r)).map((root) => [...filesBelow(root, fits)]);
  const all = lists.flat();
  const bytes = all.reduce((sum, file) => sum + file.bytes, 0);
  const ofFiles = Math.min(1, limit.files / all.length);
  const ofBytes = Math.min(1, limit.bytes / bytes);
  return lists.flatMap((list) => {
    let left = ofBytes * list.reduce((sum, file) => sum + file.bytes, 0);
    return list.slice(0, Math.ceil(ofFiles * list.length)).filter((file) => {
      left -= file.bytes;
      return left >= 0;
    });
  });
}

function copyWithTimes(source: string, target: string): void {
  copyFileSync(source, target);
  const { mode, mtime } = lstatSync(source);
  chmodSync(target, mode & 0o755);
  utimesSync(target, mtime, mtime);
}

/** The path in the tree: the path on the machine, so that it looks like what it is. */
const asState = (files: readonly Found[]): Map<string, string> =>
  new Map(files.map(({ path }) => [path.slice(1), path]));

const isUtf8 = (path: string): boolean => !path.includes("\ufffd");

/** Source trees of two days. */
export const sourceTrees = (limit: Limit, seed: string): Drawing => edits(sources(limit), seed);

/** Half of the bytes as source trees, half as larger binaries, of two days. */
export function mixture(limit: Limit, seed: string): Drawing {
  const half = { ...limit, bytes: limit.bytes / 2 };
  return edits([...sources(half), ...programs(half)], seed);
}

const sources = (limit: Limit): Found[] =>
  collect(SOURCE_ROOTS, limit, ({ path, bytes }) => bytes <= 1 << 20 && isUtf8(path));

/** The second day edits 1 % of the files, removes 0.3 % and adds as many. */
function edits(files: readonly Found[], seed: string): Drawing {
  const first = asState(files);
  const second = new Map(first);
  for (const path of some([...first.keys()], 0.01, `${seed} edit`)) {
    second.set(path, `edited ${first.get(path)}`);
  }
  for (const path of some([...first.keys()], 0.003, `${seed} remove`)) second.delete(path);
  for (const path of some([...first.keys()], 0.003, `${seed} add`)) {
    second.set(`${path}.new`, `edited ${first.get(path)}`);
  }
  return {
    days: [first, second],
    lay: (value, target) => {
      if (value.startsWith("edited ")) writeFileSync(target, edited(value.slice(7), seed));
      else copyWithTimes(value, target);
    },
  };
}

/** A line goes in somewhere, as an editor would. */
function edited(path: string, seed: string): Buffer {
  const text = readFileSync(path);
  const draw = numbers(`${seed} ${path}`);
  const at = Math.floor(draw() * text.length);
  const line = `\n// ${draw()} ${draw()}\n`;
  return Buffer.concat([text.subarray(0, at), Buffer.from(line), text.subarray(at)]);
}

/** Programs, libraries and archives of objects of 32 KiB and more. */
export function binaries(limit: Limit): Drawing {
  const first: State = asState(programs(limit));
  return { days: [first], lay: copyWithTimes };
}

function programs(limit: Limit): Found[] {
  const fits = ({ path, bytes }: Found) =>
    bytes >= 32 << 10 && bytes <= limit.bytes / 4 && isBinary(path);
  return collect(BINARY_ROOTS, limit, fits).filter(({ path }) => isUtf8(path));
}

function isBinary(path: string): boolean {
  const magic = Buffer.alloc(8);
  const file = openSync(path, "r");
  readSync(file, magic, 0, 8, 0);
  closeSync(file);
  return magic.toString("latin1", 0, 4) === "\x7fELF" || magic.toString("latin1") === "!<arch>\n";
}
