/**
 * A folder of one's own beside what is cut, on the same file system: snapshots and copies lie in
 * it. One that a killed run left is found by its owner, who is gone, and taken away.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure } from "../base/failure.ts";
import { isWithin } from "../base/path.ts";
import type { Runtime } from "../base/runtime.ts";
import { native } from "../seam/native.ts";
import type { Prepared } from "./freezer.ts";

const PREFIX = ".holdall-view-";
const OWNER = "owner";

export interface Stage extends AsyncDisposable {
  readonly path: string;
}

const placeOf = (path: string) => native.placeOf(Buffer.from(path));

/** The longest folder that all paths lie in. */
export function commonFolder(paths: readonly string[]): string {
  const [first = "/", ...rest] = paths.map(dirname);
  return rest.reduce((common, path) => {
    let at = common;
    while (!isWithin(path, at)) at = dirname(at);
    return at;
  }, first);
}

/** What was prepared in a stage: it is the View's as soon as there is one. */
export function inStage(stage: Stage, cut: Prepared["cut"]): Prepared {
  let cutting = false;
  return {
    async cut(mapped) {
      const view = await cut(mapped);
      cutting = true;
      return view;
    },
    async [Symbol.asyncDispose]() {
      if (!cutting) await stage[Symbol.asyncDispose]();
    },
  };
}

/** Takes away what lies in a stage, snapshots first, and the stage itself. */
async function clear(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const full = join(path, entry.name);
    if (entry.isDirectory()) {
      const { subvolume, inode } = placeOf(full);
      // The root of a subvolume has this inode in every btrfs.
      if (subvolume !== 0 && inode === 256) native.deleteSubvolume(Buffer.from(path), entry.name);
      else native.removeTree(Buffer.from(path), entry.name);
    } else if (entry.name !== OWNER) await unlink(full);
  }
  await unlink(join(path, OWNER)).catch(() => undefined);
  await rmdir(path);
}

/**
 * Ends what a killed run had started to write into a stage: it has it in its words, or in the
 * environment that it was given, and nobody else has.
 */
async function endWriters(runtime: Runtime, path: string): Promise<void> {
  const writers = async () => {
    const found: number[] = [];
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number)) {
      for (const name of ["cmdline", "environ"]) {
        const text = await readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
        if (pid !== process.pid && text.includes(path)) found.push(pid);
      }
    }
    return found;
  };
  // One that was killed is there until it has let go of what it has open.
  for (let turn = 0; turn < 100; turn++) {
    const found = await writers();
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    await runtime.clock.sleep(20);
  }
}

/** Takes away the stages in a folder whose owners are gone. */
export async function clearAbandoned(runtime: Runtime, folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(PREFIX));
  if (names.length === 0) return;
  const alive = new Set(native.census([]).map((p) => `${p.pid} ${p.start}`));
  for (const name of names) {
    const path = join(folder, name);
    const owner = await readFile(join(path, OWNER), "utf8").catch(() => "");
    // One without an owner is just being made, or being taken away.
    if (owner === "" || alive.has(owner)) continue;
    await endWriters(runtime, path);
    await clear(path).catch(() => undefined);
  }
}

/** Makes one in a folder. */
export async function makeStageIn(runtime: Runtime, folder: string, mode: number): Promise<Stage> {
  await clearAbandoned(runtime, folder);
  const path = join(folder, `${PREFIX}${runtime.random(8).toString("hex")}`);
  await mkdir(path, { mode });
  const own = native.census([]).find((p) => p.pid === process.pid);
  await writeFile(join(path, OWNER), `${own?.pid} ${own?.start}`);
  return { path, [Symbol.asyncDispose]: () => clear(path) };
}

/** Makes one for paths of one file system. It fails where there is no room for it beside them. */
export async function makeStage(runtime: Runtime, paths: readonly string[]): Promise<Stage> {
  const folder = commonFolder(paths);
  const [first = "/"] = paths;
  if (
    placeOf(folder).fileSystem !== placeOf(existsSync(first) ? first : dirname(first)).fileSystem
  ) {
    const why = "is the root of a file system: there is no place beside it for its View";
    throw new Failure("not_still", `${first} ${why}`);
  }
  return makeStageIn(runtime, folder, 0o700);
}
