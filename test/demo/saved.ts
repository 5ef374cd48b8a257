/** Backups of a running demo instance by the product, and what they cost beside what changed. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import {
  choose,
  inventory,
  livePlans,
  planStanding,
  type Runtime,
  type Standing,
  stand,
} from "../../src/index.ts";

export const PAGE = 4096;
/** Longer than the product's own: on a busy machine nobody stands in time. */
const MAX_PAUSE = 20_000;

/** What a backup of all of the instance would stop and cut now. */
export async function planCut(runtime: Runtime, root: string) {
  const { inventory: found, facts } = await inventory(runtime, root);
  const choice = choose(facts, {});
  const planned = await planStanding(runtime, facts, choice, found.rows, {
    maxPause: MAX_PAUSE,
    stateFolder: `${root}.barriers`,
  });
  return { facts, choice, planned };
}

/** Cuts the instance; its units are there to be saved until this is disposed of. */
export async function cutDemo(runtime: Runtime, root: string): Promise<Standing> {
  const { facts, choice, planned } = await planCut(runtime, root);
  return stand(runtime, facts, choice, planned, livePlans(facts, choice));
}

const filesIn = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [])
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();

/** Bytes of all files below a folder: what a store would keep. */
export const sizeOf = (folder: string): number =>
  filesIn(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

/** Pages of files that are not what they were in another tree. */
export function dirtied(before: string, after: string): number {
  let pages = 0;
  for (const name of filesIn(after)) {
    const now = readFileSync(join(after, name));
    const was = existsSync(join(before, name)) ? readFileSync(join(before, name)) : Buffer.alloc(0);
    for (let at = 0; at < now.length; at += PAGE) {
      if (!now.subarray(at, at + PAGE).equals(was.subarray(at, at + PAGE))) pages++;
    }
  }
  return pages;
}

/** Folders of an instance that hold a View or a clone. */
export const stages = (root: string): string[] =>
  [root, join(root, "var")].flatMap((folder) =>
    readdirSync(folder).filter((name) => name.startsWith(".holdall-view-")),
  );

/** Turns one bit of a file; nobody has it open afterwards. */
export function flip(path: string, at: number): void {
  const fd = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  writeSync(fd, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  closeSync(fd);
}
