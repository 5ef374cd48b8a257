/**
 * Absolute paths that engines keep inside their state: what they point to when the state has come
 * to lie below another root.
 */
import {
  chownSync,
  lchownSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { isWithin } from "../base/path.ts";
import type { Pointer } from "../base/revival.ts";
import type { Engine } from "../base/state.ts";

/** One that leads out of the saved instance, and the cluster that would write where it leads. */
export interface Abroad extends Omit<Pointer, "to"> {
  readonly cluster: string | null;
}

export interface Pointers {
  readonly changed: readonly Pointer[];
  /** They are as they were. */
  readonly outside: readonly Abroad[];
}

const kindOf = (path: string) => lstatSync(path, { throwIfNoEntry: false });

const namesIn = (folder: string): string[] =>
  kindOf(folder)?.isDirectory() ? readdirSync(folder).sort() : [];

/** Clusters of PostgreSQL, wherever they lie in the unit. */
export function clusters(folder: string): string[] {
  const names = namesIn(folder);
  if (names.includes("PG_VERSION") && names.includes("pg_tblspc")) return [folder];
  return names.flatMap((name) => clusters(join(folder, name)));
}

/** Their links to tablespaces, and to a log that lies elsewhere. */
const links = (folder: string): string[] =>
  clusters(folder)
    .flatMap((cluster) => [
      ...namesIn(join(cluster, "pg_tblspc")).map((name) => join(cluster, "pg_tblspc", name)),
      join(cluster, "pg_wal"),
    ])
    .filter((path) => kindOf(path)?.isSymbolicLink());

/** Files in which git says from where a repository borrows objects. */
function alternates(folder: string): string[] {
  const names = namesIn(folder);
  if (names.includes("objects") && names.includes("HEAD")) {
    const file = join(folder, "objects", "info", "alternates");
    return kindOf(file)?.isFile() ? [file] : [];
  }
  return names.flatMap((name) => alternates(join(folder, name)));
}

const FIND: Partial<Record<Engine, (folder: string) => string[]>> = {
  postgres: links,
  git: alternates,
};

/** The cluster that a link to a tablespace or to a log belongs to. */
const clusterOf = (at: string): string =>
  basename(at) === "pg_wal" ? dirname(at) : dirname(dirname(at));

/** What is read of a link or a file, line by line. */
function read(at: string): string[] {
  if (kindOf(at)?.isSymbolicLink()) return [readlinkSync(at, "latin1")];
  return readFileSync(at, "latin1").split("\n");
}

/** The other lines instead, of the same owner and mode; there at once or not at all. */
function replace(at: string, lines: readonly string[]): void {
  const { uid, gid, mode } = lstatSync(at);
  const beside = `${at}.holdall`;
  rmSync(beside, { force: true });
  if (kindOf(at)?.isSymbolicLink()) {
    symlinkSync(Buffer.from(lines[0] ?? "", "latin1"), beside);
    lchownSync(beside, uid, gid);
  } else {
    writeFileSync(beside, lines.join("\n"), { encoding: "latin1", mode: mode & 0o7777 });
    chownSync(beside, uid, gid);
  }
  renameSync(beside, at);
}

const bytes = (path: string) => Buffer.from(path, "utf8").toString("latin1");
const text = (path: string) => Buffer.from(path, "latin1").toString("utf8");

/** A path that lay below one root, below the other; null: it lay elsewhere. */
export const rebase = (path: string, from: string, to: string): string | null =>
  isWithin(path, from) ? to + path.slice(from.length) : null;

export const isFolder = (path: string): boolean => kindOf(path)?.isDirectory() === true;

/** Points what a unit keeps below one root to the same below another; `path` is where it lies. */
export function remap(engine: Engine, path: string, from: string, to: string): Pointers {
  const changed: Pointer[] = [];
  const outside: Abroad[] = [];
  for (const at of FIND[engine]?.(path) ?? []) {
    const before = read(at);
    const after = before.map((line) => {
      if (!line.startsWith("/")) return line;
      const other = rebase(line, bytes(from), bytes(to));
      if (other === null) {
        const cluster = engine === "postgres" ? clusterOf(at) : null;
        outside.push({ at, from: text(line), cluster });
        return line;
      }
      changed.push({ at, from: text(line), to: text(other) });
      return other;
    });
    if (after.join("\n") !== before.join("\n")) replace(at, after);
  }
  return { changed, outside };
}
