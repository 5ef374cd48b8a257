/**
 * A store in a local folder.
 *
 * Commit discipline: a temporary name in the same folder, opened exclusively -> write -> fsync ->
 * close -> link without replacing -> fsync of the folder, and of the parent of any folder made.
 * A failed fsync is final for that file. A crash leaves at most a temporary name, never a torn object.
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
  return {
    description: root,
    folder: root,
    put: (name, bytes, signal) => put(files, root, name, bytes, signal),
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

async function put(
  files: Files,
  root: string,
  name: string,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<DurableToken> {
  const path = join(root, name);
  const temporary = join(dirname(path), TEMPORARY + randomBytes(12).toString("hex"));
  let made = false;
  try {
    signal?.throwIfAborted();
    const file = await openMakingFolders(files, root, temporary);
    made = true;
    try {
      await writeAll(file, bytes, signal);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.link(temporary, path);
    await files.unlink(temporary);
    await files.syncFolder(dirname(path));
    return { durable: name };
  } catch (error) {
    if (made) await files.unlink(temporary).catch(() => undefined);
    if (signal?.aborted) throw new Failure("interrupted", "interrupted", error);
    throw fileFailure(error, name);
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

async function openMakingFolders(files: Files, root: string, path: string) {
  try {
    return await files.open(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await makeFolders(files, root, dirname(path));
    return files.open(path, "wx");
  }
}

/** Makes missing folders from the root down, each durable before the next. */
async function makeFolders(files: Files, root: string, folder: string): Promise<void> {
  const parts = folder.slice(root.length).split("/").filter(Boolean);
  let at = root;
  const make = async (path: string) => {
    if (await files.makeFolder(path)) await files.syncFolder(dirname(path));
  };
  await make(at);
  for (const part of parts) {
    at = join(at, part);
    await make(at);
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
