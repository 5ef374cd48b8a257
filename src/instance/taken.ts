/** What is at the place that an instance is to come back to: nothing, data, or a begun restore. */
import { lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toBytes } from "../base/bytes.ts";

/** Whether anything is there that a restore could spoil. */
export function isTaken(path: string): boolean {
  const stat = lstatSync(toBytes(path), { throwIfNoEntry: false });
  if (stat === undefined) return false;
  return !stat.isDirectory() || readdirSync(toBytes(path)).length > 0;
}

const NAME = ".holdall-restore";

/** The snapshot whose restore was begun in a root and not finished. */
export function begunIn(root: string): string | null {
  try {
    return readFileSync(toBytes(join(root, NAME)), "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Marks the root until its state is whole; a restore of the same snapshot then goes on. */
export function begin(root: string, snapshot: string): void {
  writeFileSync(toBytes(join(root, NAME)), `${snapshot}\n`);
}

export function finish(root: string): void {
  rmSync(toBytes(join(root, NAME)), { force: true });
}
