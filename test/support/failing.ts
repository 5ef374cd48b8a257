/** The real file operations, any one of which fails at its Nth use: once, or from then on. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Files, systemFiles } from "../../src/store/files.ts";

export interface Fault {
  /** The call that fails, from 1; 0 lets all work. */
  readonly at: number;
  readonly code: string;
  readonly forEver: boolean;
}

export interface FailingFiles {
  readonly files: Files;
  /** The operations used, in order. */
  readonly calls: string[];
}

export function failing({ at, code, forEver }: Fault): FailingFiles {
  const calls: string[] = [];
  const step = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
    calls.push(what);
    const now = calls.length;
    if (now === at || (forEver && at > 0 && now > at)) {
      throw Object.assign(new Error(`${code}: injected at ${what}`), { code });
    }
    return act();
  };
  const real = systemFiles;
  const files: Files = {
    open: (path, flags) =>
      step(`open ${flags}`, async () => {
        const file = await real.open(path, flags);
        return {
          // Short writes are legal: half at a time.
          write: (bytes, offset) =>
            step("write", () => file.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), offset)),
          read: (into, position) => step("read", () => file.read(into, position)),
          size: () => step("size", () => file.size()),
          sync: () => step("sync", () => file.sync()),
          // A close that reports an error has closed all the same.
          close: async () => {
            await file.close();
            await step("close", async () => undefined);
          },
        };
      }),
    link: (from, to) => step("link", () => real.link(from, to)),
    unlink: (path) => step("unlink", () => real.unlink(path)),
    makeFolder: (path) => step("make folder", () => real.makeFolder(path)),
    syncFolder: (path) => step("sync folder", () => real.syncFolder(path)),
    list: (path) => step("list", () => real.list(path)),
    length: (path) => step("length", () => real.length(path)),
  };
  return { files, calls };
}

/** A temporary folder in memory where there is one: hundreds of trials wait for no disk. */
export function inMemory(): { path: string } & Disposable {
  const path = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "holdall-"));
  return { path, [Symbol.dispose]: () => execFileSync("rm", ["-rf", path]) };
}
