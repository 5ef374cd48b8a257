/**
 * A data set on disk: one live tree that moves between days in place, as real trees do.
 *
 * Only what differs between days is written when the day changes; everything else keeps its inode
 * and its times, so that "unchanged" means to every tool what it means in life.
 */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** Path below the tree -> what lies there; equal values mean equal bytes. */
export type State = ReadonlyMap<string, string>;

export interface Drawing {
  /** One for each day. */
  readonly days: readonly State[];
  /** Writes what a value of a state means to a file that does not exist yet. */
  readonly lay: (value: string, target: string) => void;
}

export interface DataSet {
  /** The tree that is backed up. */
  readonly live: string;
  readonly files: number;
  readonly bytes: number;
  /** The day a run begins with is the first. */
  readonly days: number;
  /** A file in the middle, for the row that brings back one. */
  readonly one: string;
  /** Bytes in 4 KiB pages that differ from the day before, over all later days. */
  readonly dirty: number;
  readonly go: (day: number) => void;
}

interface Kept {
  readonly files: number;
  readonly bytes: number;
  readonly days: number;
  readonly one: string;
  readonly dirty: number;
  readonly moving: readonly string[];
}

const PAGE = 4096;
const KEPT = "set.json";
const dayFolder = (folder: string, day: number): string => join(folder, `day${day}`);

/** Builds the set once into `folder`; a build that was interrupted is begun again. */
export function dataSet(folder: string, draw: (scratch: string) => Drawing): DataSet {
  if (!existsSync(join(folder, KEPT))) build(folder, draw);
  const kept = JSON.parse(readFileSync(join(folder, KEPT), "utf8")) as Kept;
  const live = join(folder, "live");
  const go = (day: number): void => {
    for (const path of kept.moving) {
      const from = join(dayFolder(folder, day), path);
      const to = join(live, path);
      if (existsSync(from)) {
        mkdirSync(dirname(to), { recursive: true });
        copyFileSync(from, to);
      } else {
        rmSync(to, { force: true });
      }
    }
  };
  return { ...kept, live, go };
}

function build(folder: string, draw: (scratch: string) => Drawing): void {
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
  const scratch = join(partial, "scratch");
  mkdirSync(scratch, { recursive: true });
  const { days, lay } = draw(scratch);
  const place = (root: string, path: string, value: string): void => {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    lay(value, target);
  };
  const live = join(partial, "live");
  const first: State = days[0] ?? new Map();
  for (const [path, value] of first) place(live, path, value);
  const moving = movingPaths(days);
  for (const [i, day] of days.entries()) {
    mkdirSync(dayFolder(partial, i + 1), { recursive: true });
    for (const path of moving) {
      const value = day.get(path);
      if (value !== undefined) place(dayFolder(partial, i + 1), path, value);
    }
  }
  rmSync(scratch, { recursive: true });
  const paths = [...first.keys()];
  const kept: Kept = {
    files: paths.length,
    bytes: paths.reduce((sum, path) => sum + lstatSync(join(live, path)).size, 0),
    days: days.length,
    one: paths.filter((path) => days.every((day) => day.has(path)))[paths.length >> 1] ?? "",
    dirty: days.slice(1).reduce((sum, _, i) => sum + dirtyBytes(partial, i + 2, moving), 0),
    moving,
  };
  writeFileSync(join(partial, KEPT), JSON.stringify(kept));
  renameSync(partial, folder);
}

function movingPaths(days: readonly State[]): string[] {
  const all = new Set(days.flatMap((day) => [...day.keys()]));
  return [...all].filter((path) => new Set(days.map((day) => day.get(path))).size > 1).sort();
}

function dirtyBytes(folder: string, day: number, moving: readonly string[]): number {
  let dirty = 0;
  for (const path of moving) {
    const [before, after] = [day - 1, day].map((d) => {
      const file = join(dayFolder(folder, d), path);
      return existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    }) as [Buffer, Buffer];
    for (let at = 0; at < after.length; at += PAGE) {
      const page = after.subarray(at, at + PAGE);
      if (!page.equals(before.subarray(at, at + PAGE))) dirty += page.length;
    }
  }
  return dirty;
}
