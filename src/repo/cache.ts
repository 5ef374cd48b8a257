/**
 * The local cache of a repository: opened index runs, stored records, and the heads this client has
 * seen.
 *
 * Invariants: everything in it can be lost; nothing in it is believed against the store; several
 * processes use it at once, for its files are whole under their names and never change.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hex } from "../base/bytes.ts";
import type { CacheFolder } from "../base/event.ts";
import { native } from "../seam/native.ts";
import { bareName } from "./layout.ts";

/** A temporary file of a killed process is only left this long, in milliseconds. */
const STALE = 3600_000;

/** Folders of the cache: opened runs, and records as they are stored. */
export const KEPT = ["index", "snapshot", "claim", "fence", "condemned", "tombstone"] as const;
export type Kept = (typeof KEPT)[number];
const HEADS = "heads";
const LOCKS = "locks";

export class Cache {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** The cache of this repository in this store; null where no folder can be made: go without. */
  static async open(base: string, lineage: Buffer, store: string): Promise<Cache | null> {
    const place = native.contentHash(Buffer.from(store)).slice(0, 16);
    const folder = join(base, `${hex(lineage)}-${place}`);
    try {
      for (const kept of KEPT) {
        await mkdir(join(folder, kept), { recursive: true, mode: 0o700 });
      }
      return new Cache(folder);
    } catch {
      return null;
    }
  }

  /** Where what has this bare name is, or is to be, kept. */
  path(kept: Kept, name: string): string {
    return join(this.folder, kept, name);
  }

  /** A record as it is stored; null when it is not here, or not whole. */
  async record(kept: Kept, name: string): Promise<Buffer | null> {
    const bytes = await readFile(this.path(kept, name)).catch(() => null);
    return bytes !== null && name.startsWith(native.contentHash(bytes)) ? bytes : null;
  }

  async keep(kept: Kept, name: string, bytes: Uint8Array, unique: Buffer): Promise<void> {
    await replace(this.path(kept, name), bytes, unique);
  }

  /** Drops what a listing no longer has. */
  async dropOthers(kept: Kept, listed: ReadonlySet<string>, now: number): Promise<void> {
    const names = await readdir(join(this.folder, kept)).catch(() => []);
    for (const name of names) {
      if (listed.has(name)) continue;
      const path = this.path(kept, name);
      // Another process may be writing a temporary file, or have seen a newer listing.
      const age = now - (await stat(path).catch(() => ({ mtimeMs: now }))).mtimeMs;
      if (bareName(name) !== null || age > STALE) await rm(path, { force: true });
    }
  }

  /** Ids of the snapshots that nothing this client saw came after, when it last looked. */
  async heads(): Promise<string[]> {
    const text = await readFile(join(this.folder, HEADS), "utf8").catch(() => "");
    return text.split("\n").filter((line) => /^[0-9a-f]{32}$/.test(line));
  }

  async pin(heads: readonly string[], unique: Buffer): Promise<void> {
    await replace(join(this.folder, HEADS), heads.map((id) => `${id}\n`).join(""), unique);
  }

  /** Until when this client knows objects to be locked, in milliseconds since 1970. */
  async locks(): Promise<Map<string, number>> {
    const text = await readFile(join(this.folder, LOCKS), "utf8").catch(() => "");
    const rows = text.split("\n").map((line) => /^(\d{1,15}) (\S+)$/.exec(line));
    return new Map(rows.flatMap((row) => (row ? [[row[2] ?? "", Number(row[1])]] : [])));
  }

  async keepLocks(locks: ReadonlyMap<string, number>, unique: Buffer): Promise<void> {
    const text = [...locks].map(([name, until]) => `${until} ${name}\n`).join("");
    await replace(join(this.folder, LOCKS), text, unique);
  }
}

/** A file of this client's own, replaced whole. */
async function replace(path: string, text: string | Uint8Array, unique: Buffer): Promise<void> {
  const temporary = `${path}.${hex(unique)}`;
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  } catch {
    // A cache that cannot be written only forgets.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Every cache below a base folder, with what it takes. */
export async function cacheFolders(base: string): Promise<CacheFolder[]> {
  const names = await readdir(base).catch(() => []);
  const found: CacheFolder[] = [];
  for (const name of names.filter((n) => /^[0-9a-f]{32}-[0-9a-f]{16}$/.test(n))) {
    const all = await readdir(join(base, name), { recursive: true, withFileTypes: true });
    const files = all.filter((entry) => entry.isFile());
    let bytes = 0;
    for (const file of files) bytes += (await stat(join(file.parentPath, file.name))).size;
    found.push({ name, files: files.length, bytes });
  }
  return found;
}

/** Removes every cache below a base folder; what is no cache stays. */
export async function clearCaches(base: string): Promise<CacheFolder[]> {
  const found = await cacheFolders(base);
  for (const { name } of found) await rm(join(base, name), { recursive: true, force: true });
  return found;
}
