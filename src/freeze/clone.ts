/**
 * A second tree of what a View shows, to be written to: by reflinks where the file system has them,
 * else by copies. Everything lies under its whole path below a folder beside the View.
 *
 * One that a killed run left is taken away as Views are, by the next that is made there.
 */
import { existsSync, lstatSync } from "node:fs";
import { chmod, mkdir, rm, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Failure } from "../base/failure.ts";
import { isWithin } from "../base/path.ts";
import type { Runtime } from "../base/runtime.ts";
import { native } from "../seam/native.ts";
import { reflinks } from "./mirrored.ts";
import { makeStage } from "./stage.ts";

/** What is to be in a clone; paths are absolute. */
export interface Cloned {
  /** As it is outside. */
  readonly path: string;
  /** Where it stands still. */
  readonly view: string;
  /** Paths below it that are not saved. */
  readonly holes: readonly string[];
  readonly bytes: number;
}

export interface Clone extends AsyncDisposable {
  readonly path: string;
  /** Where a path of outside lies in it. */
  at(path: string): string;
  /** Whether something lies at a path of the clone itself. */
  has(inside: string): boolean;
  /** Whose the clone of a path is. */
  owner(path: string): { readonly uid: number; readonly gid: number };
  /** Makes a folder, and those above it, like the ones outside. */
  folder(path: string): Promise<void>;
}

/** What a program writes beside what is there already: logs, and pages of a recovery. */
const ROOM = 64 * 2 ** 20;

const bytes = (path: string) => Buffer.from(path);
const fileSystem = (path: string) => native.placeOf(bytes(path)).fileSystem;

async function refuseFull(path: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(path);
  const mebibytes = (n: number) => `${Math.ceil(n / 2 ** 20)} MiB`;
  if (needed <= bavail * bsize) return;
  const message = `${dirname(path)}: a clone of the cut needs ${mebibytes(needed)}`;
  throw new Failure("disk_full", `${message}, ${mebibytes(bavail * bsize)} are free`);
}

/**
 * Of the instance at `root`, of which all of `saved` is in the View. Fails with `disk_full` before
 * it copies anything that there is no room for.
 */
export async function makeClone(
  runtime: Runtime,
  root: string,
  all: readonly Cloned[],
  saved: readonly string[],
): Promise<Clone> {
  // What lies above is there before what another unit has below it.
  const parts = [...all].sort((a, b) => a.path.length - b.path.length);
  const home = fileSystem(parts[0]?.view ?? "/");
  // A View of all of it lies in the same folder: whoever makes the next finds what is left of this.
  const beside = saved.filter(
    (path) => fileSystem(existsSync(path) ? path : dirname(path)) === home,
  );
  const stage = await makeStage(runtime, beside);
  const base = join(stage.path, "clone");
  const at = (path: string) => join(base, path);
  const folder = async (path: string): Promise<void> => {
    const names = path.split("/").slice(1);
    for (const [depth] of names.entries()) {
      const one = `/${names.slice(0, depth + 1).join("/")}`;
      const made = await mkdir(at(one), { recursive: true });
      if (made === undefined) continue;
      // Programs run as the owners of the data: they must get through, and cannot list it.
      await chmod(made, 0o711);
      if (isWithin(one, root) && existsSync(one)) native.Mirror.describe(bytes(one), bytes(made));
    }
  };
  try {
    await mkdir(base);
    for (const path of [stage.path, base]) await chmod(path, 0o711);
    const linked = (await reflinks(stage)) ? home : null;
    const copied = parts.filter(({ view }) => fileSystem(view) !== linked);
    await refuseFull(stage.path, ROOM + copied.reduce((sum, part) => sum + part.bytes, 0));
    for (const { path, view, holes } of parts) {
      runtime.signal.throwIfAborted();
      await folder(dirname(path));
      const mirror = new native.Mirror(fileSystem(view) === linked);
      const name = bytes(basename(path));
      await mirror.pass(bytes(dirname(view)), bytes(at(dirname(path))), name, []);
      for (const hole of holes) await rm(at(hole), { recursive: true, force: true });
    }
  } catch (error) {
    await stage[Symbol.asyncDispose]();
    throw error;
  }
  return {
    path: base,
    at,
    has: existsSync,
    owner: (path) => {
      const { uid, gid } = lstatSync(at(path));
      return { uid, gid };
    },
    folder,
    [Symbol.asyncDispose]: stage[Symbol.asyncDispose],
  };
}
