/**
 * The files that all writers of a schedule share. They never change: what a backup saves of them is
 * chosen by what it leaves out, so sources of different backups overlap as the seed says.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { chance } from "../support/chance.ts";

export const FILES = 5;
/** Where the core finds them: the root folder is the test's own. */
export const SOURCE = "/source";

const contents = Array.from({ length: FILES }, (_, i) => chance(i).bytes(300 + 200 * i));

/** Makes them below `root`; their inodes are in the order of their names, as cores visit them. */
export function makeSource(root: string): void {
  const folder = join(root, SOURCE);
  mkdirSync(folder, { recursive: true });
  const made = contents.map((_, i) => join(folder, `new${i}`));
  for (const path of made) writeFileSync(path, "");
  made.sort((a, b) => statSync(a).ino - statSync(b).ino);
  for (const [i, path] of made.entries()) {
    writeFileSync(path, contents[i] ?? "");
    utimesSync(path, 1e9 + i, 1e9 + i);
    renameSync(path, join(folder, `f${i}`));
  }
}

/** What a backup leaves out, so that it saves the files whose bits are set. */
export function leftOut(mask: number): string[] {
  return contents.flatMap((_, i) => (mask & (1 << i) ? [] : [`${SOURCE}/f${i}`]));
}

/** How a restored folder differs from the files whose bits are set; null when it does not. */
export function difference(folder: string, mask: number): string | null {
  const names = readdirSync(folder).sort();
  const wanted = contents.flatMap((_, i) => (mask & (1 << i) ? [`f${i}`] : []));
  if (names.join() !== wanted.join()) return `has ${names.join()} for ${wanted.join()}`;
  const wrong = names.filter((name) => {
    const bytes = contents[Number(name.slice(1))];
    return !bytes || !readFileSync(join(folder, name)).equals(bytes);
  });
  return wrong.length === 0 ? null : `${wrong.join()} has other bytes`;
}
