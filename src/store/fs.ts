/**
 * A store in a local folder.
 *
 * Commit discipline: a temporary name in the same folder, opened exclusively -> write -> fsync ->
 * close -> link without replacing -> fsync of the folder; and before a put returns, the folder
 * itself and all above it are durable, whoever made them. A failed fsync is final: nothing repeats
 * it. A crash leaves at most a temporary name, never a torn object. The temporary name carries the
 * claim it was written under, so that a sweep can tell whose it was; nothing else removes it.
 */
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { type Body, piecesOf } from "../base/body.ts";
import { Failure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import { type Files, fileFailure, systemFiles } from "./files.ts";
import type { DurableToken, Listed, Range, Remnant, Store } from "./store.ts";

/** Temporary names begin with a dot, which no object's name does. */
const TEMPORARY = ".tmp-";

export function openFolderStore(root: string, given: Files = systemFiles): Store {
  const files = { ...given, syncFolder: lastingSync(given) };
  const folders = durableFolders(files, root);
  return {
    description: root,
    folder: root,
    put: (name, bytes, signal, claim = "") =>
      put({ files, folders, root }, name, bytes, claim, signal),
    get: (name, range) => get(files, root, name, range),
    list: (prefix) => list(files, root, prefix),
    async remove(name) {
      const unlessAbsent = (error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw notDurable(error, name);
      };
      await files.unlink(join(root, name)).catch(unlessAbsent);
      // Whoever took it away before may not have made that durable yet.
      await files.syncFolder(dirname(join(root, name))).catch(unlessAbsent);
    },
    remnants: (prefix) => remnants(files, root, prefix),
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * A sync of a folder that failed may have dropped the names of every put under way in it, and the
 * next sync would know nothing of it: no later one of this folder is believed.
 */
function lastingSync(files: Files): Files["syncFolder"] {
  const failed = new Map<string, unknown>();
  return async (path) => {
    await files.syncFolder(path).catch((error: unknown) => failed.set(path, error));
    if (failed.has(path)) throw failed.get(path);
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
function durableFolders(files: Files, root: string): Folder["folders"] {
  const known = new Map<string, Promise<void>>();
  const make = async (folder: string): Promise<void> => {
    if (folder !== root) await durable(dirname(folder));
    const made = await files.makeFolder(folder);
    try {
      await files.syncFolder(dirname(folder));
    } catch (error) {
      // What holds the root need not be ours to open, if the root was there before.
      const foreign =
        (error as NodeJS.ErrnoException).code === "EACCES" && folder === root && !made;
      if (!foreign) throw notDurable(error, folder);
    }
  };
  const durable = (folder: string): Promise<void> => {
    const before = known.get(folder);
    if (before !== undefined) return before;
    const now = make(folder);
    known.set(folder, now);
    // A folder that could not be made is tried again by the next put; a failed sync stays failed.
    now.catch((error: unknown) => error instanceof Failure || known.delete(folder));
    return now;
  };
  return durable;
}

/** The failure of a sync, and of all that follows it: repeating would only hide it. */
function notDurable(error: unknown, name: string): Failure {
  const failure = fileFailure(error, name);
  return failure.code === "store_io" ? new Failure("not_durable", failure.message, error) : failure;
}

async function put(
  { files, folders, root }: Folder,
  name: string,
  bytes: Body,
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
    // Repeated, the put could find its own name and take it for durable.
    throw committing ? notDurable(error, name) : fileFailure(error, name);
  }
}

async function writeAll(
  file: { write(b: Uint8Array, o: number): Promise<number> },
  bytes: Body,
  signal?: AbortSignal,
) {
  let offset = 0;
  for await (const piece of piecesOf(bytes)) {
    for (let done = 0; done < piece.length; ) {
      signal?.throwIfAborted();
      done += await file.write(piece.subarray(done), offset + done);
    }
    offset += piece.length;
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

/** Temporary names below a folder, with the claims in them. */
async function* remnants(files: Files, root: string, prefix: string): AsyncIterable<Remnant> {
  const folder = join(root, prefix);
  const entries = await files.list(folder).catch((error: unknown) => {
    throw fileFailure(error, prefix);
  });
  for (const { name, isFolder } of entries) {
    const [, claim] = /^\.tmp-([0-9a-f]*)-[0-9a-f]+$/.exec(name) ?? [];
    if (isFolder) yield* remnants(files, root, `${prefix}${name}/`);
    else if (claim !== undefined) yield { name: prefix + name, claim };
  }
}

/** An object that went away while the listing ran has no length; any other failure is one. */
function lengthOf(files: Files, path: string, name: string): Promise<number> {
  return files.length(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return -1;
    throw fileFailure(error, name);
  });
}

async function* list(files: Files, root: string, prefix: string): AsyncIterable<Listed> {
  const folder = join(root, prefix);
  let entries: { name: string; isFolder: boolean }[];
  try {
    entries = (await files.list(folder)).filter((e) => !e.name.startsWith("."));
  } catch (error) {
    throw fileFailure(error, prefix);
  }
  const lengths = await mapBounded(entries, 16, (e) =>
    e.isFolder ? Promise.resolve(-1) : lengthOf(files, join(folder, e.name), prefix + e.name),
  );
  for (const [at, entry] of entries.entries()) {
    const name = `${prefix.replace(/\/?$/, "/")}${entry.name}`.replace(/^\//, "");
    if (entry.isFolder) yield* list(files, root, `${name}/`);
    else if ((lengths[at] ?? -1) >= 0) yield { name, length: lengths[at] ?? 0 };
  }
}
