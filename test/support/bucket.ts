/** What lies in a bucket, judged from outside: copied into a folder for the independent reader. */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Store } from "../../src/index.ts";
import { native } from "../../src/seam/native.ts";

/** Folders of every repository; others are there when something lies in them. */
const FOLDERS = ["slots", "config", "keys", "packs", "index", "snapshots", "claims"];

/**
 * Makes the folder hold what the store has: copies what is not there yet, as objects never change,
 * and removes what is gone. Gives the copied names whose bytes are not what the name says.
 */
export async function download(store: Store, folder: string): Promise<string[]> {
  const wrong: string[] = [];
  const listed = new Set<string>();
  for (const prefix of FOLDERS) mkdirSync(join(folder, prefix), { recursive: true });
  for await (const { name, length } of store.list("")) {
    listed.add(name);
    const path = join(folder, name);
    if (statSync(path, { throwIfNoEntry: false })?.size === length) continue;
    const bytes = await store.get(name);
    const own = name.slice(name.lastIndexOf("/") + 1);
    if (bytes.length !== length || !own.startsWith(native.contentHash(bytes))) wrong.push(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (!listed.has(name) && statSync(path).isFile()) rmSync(path);
  }
  return wrong;
}
