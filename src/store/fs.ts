/**
 * A store in a local folder.
 *
 * Commit discipline: a temporary name in the same folder, opened exclusively -> write -> fsync ->
 * close -> link without replacing -> fsync of the folder; and before a put returns, the folder itself
 * and all above it are durable, whoever made them. A failed fsync is final: nothing repeats it.
 * A crash leaves at most a temporary name, never a torn object. The temporary name carries the
 * claim it was written under, so that a sweep can tell whose it was; nothing else removes it.
 */
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { Failure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import { type Files, fileFailure, systemFiles } from "./files.ts";
import type { DurableToken, Listed, Range, Store } from "./store.ts";

/** Temporary names begin with a dot, which no object's name does. */
const TEMPORARY = ".tmp-";

export function openFolderStore(root: string, files: Files = systemFiles): Store {
  const folders = durableFolders(files, root);
  return {
    description: root,
    folder: root,
    put: (name, bytes, signal, claim = "") =>
      put({ files, folders, root }, name, bytes, claim, signal),
    get: (name, range) => get(files, root, name, range),
    list: (prefix) => list(files, root, prefix),
    async remove(name) {
      await files.unlink(join(root, name)).catch((e: unknown) => {
        throw fileFailure(e, name);
      });
      await files.syncFolder(dirname(join(root, name)));
    },
    async [Symbol.asyncDispose]() {},
  };
}

interface Folder {
  readonly files: Files;
  readonly root: string;
  /** Resolves when this folder and all above it are durable. */
  readonly folders: (folder: string) => Promise<void>;
}

/**
 * Makes a folder and all above it durable, once for this store. A folder that is there already may
 * have been made a moment ago by another writer that has not synced its parent yet.
 */
function durableFolders(files: Files, root: string): (folder: string) => Promise<void> {
  const known = new Map<string, Promise<void>>();
  const make = async (folder: string): Promise<void> => {
    if (folder !== root) await durable(dirname(folder));
    const made = await files.makeFolder(folder);
    // The parent of the root is not ours to open, unless the root was made in it.
    if (made || folder !== root) await files.syncFolder(dirname(folder));
  };
  const durable = (folder: string): Promise<void> => {
    const before = known.get(folder);
    if (before !== undefined) return before;
    const now = make(folder);
    known.set(folder, now);
    // What failed is tried again by the next put, never believed.
    now.catch(() => known.delete(folder));
    return now;
  };
  return durable;
}

async function put(
  { files, folders, root }: Folder,
  name: string,
  bytes: Uint8Array,
  claim: string,
  signal?: AbortSignal,
): Promise<DurableToken> {
  const path = join(root, name);
  const unique = randomBytes(8).toString("hex");
  const temporary = join(dirname(path), `${TEMPORARY}${claim}-${unique}`);
  let made = false;
  let committing = false;
  try {
    signal?.throwIfAborted();
    await folders(dirname(path));
    const file = await files.open(temporary, "wx");
    made = true;
    try {
      await writeAll(file, bytes, signal);
      committing = true;
      await file.sync();
    } finally {
      await file.close();
    }
    await files.link(temporary, path);
    made = false;
    // A temporary name that stays is a matter for the sweep; the object is there all the same.
    await files.unlink(temporary).catch(() => undefined);
    await files.syncFolder(dirname(path));
    return { durable: name };
  } catch (error) {
    if (made) await files.unlink(temporary).catch(() => undefined);
    if (signal?.aborted) throw new Failure("interrupted", "interrupted", error);
    const failure = fileFailure(error, name);
    // Repeated, the put would find its own name and take it for durable.
    if (committing && failure.code === "store_io") {
      throw new Failure("not_durable", failure.message, error);
    }
    throw failure;
  }
}

async function writeAll(
  file: { write(b: Uint8Array, o: number): Promise<number> },
  bytes: Uint8Array,
  signal?: AbortSignal,
) {
  let done = 0;
  while (done < bytes.length) {
    signal?.throwIfAborted();
    done += await file.write(bytes.subarray(done), done);
  }
}

async function get(files: Files, root: string, name: string, range?: Range): Promise<Buffer> {
  try {
    const file = await files.open(join(root, name), "r");
    try {
      const { offset, length } = range ?? { offset: 0, length: await file.size() };
      const out = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const n = await file.read(out.subarray(done), offset + done);
        if (n === 0) throw new Failure("damaged", `${name} is cut short`);
        done += n;
      }
      return out;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileFailure(error, name);
  }
}

async function* list(files: Files, root: string, prefix: string): AsyncIterable<Listed> {
  const folder = join(root, prefix);
  let entries: { name: string; isFolder: boolean }[];
  try {
    entries = (await files.list(folder)).filter((e) => !e.name.startsWith("."));
  } catch (error) {
    throw fileFailure(error, prefix);
  }
  const lengths = await mapBounded(entries, 16, async (e) =>
    e.isFolder ? -1 : await files.length(join(folder, e.name)).catch(() => -2),
  );
  for (const [at, entry] of entries.entries()) {
    const name = `${prefix.replace(/\/?$/, "/")}${entry.name}`.replace(/^\//, "");
    if (entry.isFolder) yield* list(files, root, `${name}/`);
    // An object that went away while the listing ran is not listed.
    else if ((lengths[at] ?? -2) >= 0) yield { name, length: lengths[at] ?? 0 };
  }
}
