/**
 * The few file operations that the folder store is made of, so that a test can let each one fail.
 */
import { constants, readFileSync } from "node:fs";
import * as fs from "node:fs/promises";
import { Failure } from "../base/failure.ts";

export interface OpenFile {
  write(bytes: Uint8Array, offset: number): Promise<number>;
  read(into: Uint8Array, position: number): Promise<number>;
  size(): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Files {
  open(path: string, flags: "wx" | "r"): Promise<OpenFile>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** True when the folder was made. */
  makeFolder(path: string): Promise<boolean>;
  syncFolder(path: string): Promise<void>;
  /** Names and kinds; an absent folder is empty. */
  list(path: string): Promise<{ name: string; isFolder: boolean }[]>;
  length(path: string): Promise<number>;
}

const CODES: Record<
  string,
  "disk_full" | "permission" | "read_only" | "object_exists" | "object_missing"
> = {
  ENOSPC: "disk_full",
  EDQUOT: "disk_full",
  EACCES: "permission",
  EPERM: "permission",
  EROFS: "read_only",
  EEXIST: "object_exists",
  ENOENT: "object_missing",
};

/** A file system error as a `Failure` that names the object. */
export function fileFailure(error: unknown, name: string): Failure {
  if (error instanceof Failure) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const text = message.replace(/^\w+: /, "").split(",")[0];
  return new Failure(CODES[code] ?? "store_io", `${name}: ${text}`, error);
}

/** Bytes of an object from which on writing past the page cache pays, and what it is aligned to. */
const DIRECT = 1 << 20;
const PAGE = 4096;

/** A file system or buffer that cannot be written past the cache is written through it. */
function unaligned(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === "EINVAL") return null;
  throw error;
}

export const systemFiles: Files = {
  async open(path, flags) {
    const handle = await fs.open(path, flags, 0o600);
    let direct: fs.FileHandle | null = null;
    return {
      async write(bytes, offset) {
        const { length } = bytes;
        if (flags === "wx" && length >= DIRECT && length % PAGE === 0 && offset % PAGE === 0) {
          direct ??= await fs.open(path, constants.O_WRONLY | constants.O_DIRECT).catch(() => null);
          const written = await direct?.write(bytes, 0, length, offset).catch(unaligned);
          if (written) return written.bytesWritten;
        }
        return (await handle.write(bytes, 0, length, offset)).bytesWritten;
      },
      read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
      size: async () => (await handle.stat()).size,
      sync: () => handle.sync(),
      async close() {
        await direct?.close();
        await handle.close();
      },
    };
  },
  link: (from, to) => fs.link(from, to),
  unlink: (path) => fs.unlink(path),
  async makeFolder(path) {
    try {
      await fs.mkdir(path, 0o700);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  },
  async syncFolder(path) {
    const handle = await fs.open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async list(path) {
    try {
      const entries = await fs.readdir(path, { withFileTypes: true });
      return entries.map((e) => ({ name: e.name, isFolder: e.isDirectory() }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  },
  length: async (path) => (await fs.stat(path)).size,
};

/** A small text file; null where there is none or it is not ours to read. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
