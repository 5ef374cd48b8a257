/** Folders and fresh file systems that are gone again however the run ends. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

const cleanups = new Set<() => void>();

/** Runs `cleanup` when a signal ends the run; the returned function says it is no longer needed. */
export function onExit(cleanup: () => void): () => void {
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

/** Call once: Ctrl-C and SIGTERM end what runs, unmount and remove, newest first. */
export function cleanUpOnSignals(): void {
  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.on(signal, () => {
      for (const cleanup of [...cleanups].reverse()) {
        try {
          cleanup();
        } catch (error) {
          process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
        }
      }
      process.exit(status);
    });
  }
}

interface Place extends Disposable {
  readonly path: string;
}

function lasting(path: string, remove: () => void): Place {
  const kept = onExit(remove);
  return {
    path,
    [Symbol.dispose]() {
      kept();
      remove();
    },
  };
}

export function temporaryFolder(below: string): Place {
  mkdirSync(below, { recursive: true });
  const path = mkdtempSync(join(below, "holdall-bench-"));
  return lasting(path, () => rmSync(path, { recursive: true, force: true }));
}

function run(command: string, ...args: string[]): void {
  const done = spawnSync(command, args, { encoding: "utf8" });
  if (done.status !== 0) {
    throw new Error(`${command}: ${(done.stderr ?? done.error?.message ?? "").trim()}`);
  }
}

/** Whether restores get a file system of their own; without root they share the folder's. */
export const canMount = (): boolean => process.getuid?.() === 0;

/** Where restores go, for people. */
export const restoreTarget = (): string =>
  canMount() ? "a fresh ext4 image" : "a plain folder (no root, no fresh image)";

const MIB = 1 << 20;

/** A fresh ext4 with room for a tree of so many bytes and files; a plain folder without root. */
export function freshFileSystem(below: string, bytes: number, files: number): Place {
  const path = join(below, "out");
  mkdirSync(path);
  if (!canMount()) return lasting(path, () => rmSync(path, { recursive: true, force: true }));
  const image = join(below, "out.ext4");
  const size = Math.ceil((bytes * 1.25 + files * 5000) / MIB) + 256;
  const inodes = String(Math.ceil(files * 1.5) + 4096);
  // Nothing is left for the kernel to initialise in the background of a measurement.
  const eager = "lazy_itable_init=0,lazy_journal_init=0";
  run("truncate", "-s", `${size}M`, image);
  run("mkfs.ext4", "-q", "-F", "-N", inodes, "-E", eager, image);
  run("mount", "-o", "loop", image, path);
  return lasting(path, () => {
    // A process that was just killed may hold it for another moment.
    for (let tries = 0; spawnSync("umount", [path]).status !== 0; tries++) {
      if (tries === 50) throw new Error(`cannot unmount ${path}`);
      spawnSync("sleep", ["0.1"]);
    }
    rmSync(image);
  });
}
