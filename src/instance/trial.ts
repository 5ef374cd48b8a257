/** What a trial on a clone looks up: paths that its globs mean, and what files say. */
import { readdirSync, readFileSync } from "node:fs";
import { toBytes } from "../base/bytes.ts";
import { below } from "../base/path.ts";
import { compile } from "./glob.ts";

/** Paths below a folder, relative to it, that a glob means; links are not followed. */
export function matching(folder: string, globs: readonly string[]): string[] {
  const matchers = globs.map(compile);
  const depth = globs.some((glob) => glob.split("/").includes("**"))
    ? Number.POSITIVE_INFINITY
    : Math.max(...globs.map((glob) => glob.split("/").length));
  const look = (above: string, level: number): string[] =>
    readdirSync(toBytes(below(folder, above)), { withFileTypes: true }).flatMap((entry) => {
      const path = above === "" ? entry.name : `${above}/${entry.name}`;
      const own = matchers.some((matcher) => matcher.test(path)) ? [path] : [];
      return entry.isDirectory() && level < depth ? [...own, ...look(path, level + 1)] : own;
    });
  return look("", 1).sort();
}

/** What a file of the instance says, a line end apart. */
export const textOf = (root: string, path: string): string =>
  readFileSync(toBytes(below(root, path)), "utf8").replace(/\r?\n$/, "");

/** What placeholders of a trial stand for; `home` is the instance's root where it is tried. */
export const placeholders =
  (root: string, home: string, path: string | null = null) =>
  (name: string): string | null => {
    if (name === "clone") return home;
    if (name === "root") return root;
    if (name === "path") return path;
    return name.startsWith("file:") ? textOf(root, name.slice(5)) : null;
  };
