/** What lies in a bucket, judged from outside: copied into a folder for the independent reader. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Store } from "../../src/index.ts";
import { native } from "../../src/seam/native.ts";

const FOLDERS = ["slots", "config", "keys", "packs", "index", "snapshots", "claims"];

/** Copies every object into a folder; gives the names whose bytes are not what the name says. */
export async function download(store: Store, folder: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const prefix of FOLDERS) {
    mkdirSync(join(folder, prefix), { recursive: true });
    for await (const { name, length } of store.list(`${prefix}/`)) {
      const bytes = await store.get(name);
      const own = name.slice(name.lastIndexOf("/") + 1);
      if (bytes.length !== length || !own.startsWith(native.contentHash(bytes))) wrong.push(name);
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), bytes);
    }
  }
  return wrong;
}
