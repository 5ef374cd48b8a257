/**
 * The local cache of a repository: opened index runs, stored records, and the heads this client has
 * seen.
 *
 * Invariants: everything in it can be lost; nothing in it is believed against the store; several
 * processes use it at once, for its files are whole under their names and never change.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hex } from "../base/bytes.ts";
import type { CacheFolder } from "../base/event.ts";
import { native } from "../seam/native.ts";
import { bareName } from "./layout.ts";

/** A temporary file of a killed process is only left this long, in milliseconds. */
const STALE = 3600_000;

/** Folders of the cache: opened runs; records, and packs of pages, as they are stored. */
const KEPT = ["index", "snapshot", "claim", "fence", "condemned", "tombstone", "page"] as const;
/** Of a place: what is read before anybody knows which repository lies there. */
const DOOR = ["config", "key"] as const;
export type Kept = (typeof KEPT | typeof DOOR)[number];
/** No repository has this lineage. */
const UNKNOWN = Buffer.alloc(16);
const HEADS = "heads";
const LOCKS = "locks";
const SLOT = "slot";

export class Cache {
  readonly folder: string;
  readonly kinds: readonly Kept[];
  /** Names of what was found to be whole. */
  private readonly whole = new Set<string>();

  private constructor(folder: string, kinds: readonly Kept[]) {
    this.folder = folder;
    this.kinds = kinds;
  }

  /** The cache of this repository in this store; null where no folder can be made: go without. */
  static open(base: string, lineage: Buffer, store: string): Promise<Cache | null> {
    return Cache.at(base, lineage, store, KEPT);
  }

  /** The cache of whatever repository this store has. What opens one is never kept. */
  static door(base: string, store: string): Promise<Cache | null> {
    return Cache.at(base, UNKNOWN, store, DOOR);
  }

  private static async at(
    base: string,
    lineage: Buffer,
    store: string,
    kinds: readonly Kept[],
  ): Promise<Cache | null> {
    const place = native.contentHash(Buffer.from(store)).slice(0, 16);
    const folder = join(base, `${hex(lineage)}-${place}`);
    try {
      for (const kept of kinds) {
        await mkdir(join(folder, kept), { recursive: true, mode: 0o700 });
      }
      return new Cache(folder, kinds);
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

  /** A part of what is stored; null when it is not here, or not whole. */
  async range(kept: Kept, name: string, offset: number, length: number): Promise<Buffer | null> {
    if (!this.whole.has(name)) {
      const bytes = await this.record(kept, name);
      if (bytes === null || bytes.length < offset + length) return null;
      this.whole.add(name);
      return bytes.subarray(offset, offset + length);
    }
    try {
      await using file = await open(this.path(kept, name));
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
      return bytesRead === length ? buffer : null;
    } catch {
      return null;
    }
  }

  async keep(kept: Kept, name: string, bytes: Uint8Array, unique: Buffer): Promise<void> {
    await replace(this.path(kept, name), bytes, unique);
  }

  /** Drops what a listing no longer has; then the oldest, until no more than `most` bytes stay. */
  async dropOthers(
    kept: Kept,
    listed: ReadonlySet<string>,
    now: number,
    most = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const names = await readdir(join(this.folder, kept)).catch(() => []);
    const stay: { path: string; size: number; mtimeMs: number }[] = [];
    for (const name of names) {
      const path = this.path(kept, name);
      if (listed.has(name) && most === Number.POSITIVE_INFINITY) continue;
      const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: now }));
      if (listed.has(name)) stay.push({ path, size, mtimeMs });
      // Another process may be writing a temporary file, or have seen a newer listing.
      else if (bareName(name) !== null || now - mtimeMs > STALE) await rm(path, { force: true });
    }
    stay.sort((a, b) => b.mtimeMs - a.mtimeMs);
    let bytes = 0;
    for (const { path, size } of stay) {
      bytes += size;
      if (bytes > most) await rm(path, { force: true });
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

  /** Bare name of the slot that opened last; empty where none did. */
  async slot(): Promise<string> {
    const text = await readFile(join(this.folder, SLOT), "utf8").catch(() => "");
    return bareName(text) ?? "";
  }

  async keepSlot(name: string, unique: Buffer): Promise<void> {
    await replace(join(this.folder, SLOT), name, unique);
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
