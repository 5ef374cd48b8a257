/**
 * Walks an instance: everything below a root, at any depth, folders before what is in them.
 *
 * Paths are text as `toText` makes it. Folders are reached through handles of folders above, so no
 * path is too long; no link is followed; pseudo file systems are not entered.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
} from "node:fs";
import { statfs } from "node:fs/promises";
import { toBytes, toText } from "../base/bytes.ts";

export interface Seen {
  /** Relative to the root that was walked. */
  readonly path: string;
  readonly name: string;
  readonly stats: BigIntStats;
  /** Where a symbolic link leads; null for anything else. */
  readonly target: string | null;
  /** All names of the folder that it lies in. */
  readonly beside: ReadonlySet<string>;
}

export interface Visitor<T> {
  /** Tells of an entry; what it returns is what entries below are told of. */
  visit(seen: Seen, above: T): T;
  trouble(path: string, reason: string): void;
}

const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Handles kept open at once; other folders are opened again from the nearest one above. */
const HANDLES = 128;
/** Bytes of names that one call takes at most. */
const STEP = 2000;
/** Entries between two looks at whether to stop. */
const TURN = 4096;

/** Types of file systems that hold no state: proc, sysfs, cgroup, devpts, debugfs, tracefs, bpf. */
const PSEUDO = new Set([
  0x9fa0, 0x62656572, 0x63677270, 0x27e0eb, 0x1cd1, 0x64626720, 0x74726163, 0xcafe4a11,
]);

class Folder {
  readonly above: Folder | null;
  readonly name: Buffer;
  handle: number | null = null;

  constructor(above: Folder | null, name: Buffer) {
    this.above = above;
    this.name = name;
  }
}

const within = (handle: number, name: Buffer) =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${handle}/`), name]);

class Walk<T> {
  private open = 0;
  private turn = 0;
  private readonly pseudo = new Map<bigint, boolean>();
  private readonly root: Buffer;
  private readonly visitor: Visitor<T>;
  private readonly signal: AbortSignal;

  constructor(root: Buffer, visitor: Visitor<T>, signal: AbortSignal) {
    this.root = root;
    this.visitor = visitor;
    this.signal = signal;
  }

  async run(start: T): Promise<void> {
    const stack: { folder: Folder; path: string; above: T; leave: boolean }[] = [
      { folder: new Folder(null, this.root), path: "", above: start, leave: false },
    ];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { folder, path, above, leave } = next;
      if (leave) {
        this.close(folder);
        continue;
      }
      stack.push({ ...next, leave: true });
      try {
        for (const below of await this.list(folder, path, above)) stack.push(below);
      } catch (error) {
        const { code = String(error) } = error as NodeJS.ErrnoException;
        if (this.signal.aborted) throw error;
        this.visitor.trouble(path, code);
      }
    }
  }

  private async list(folder: Folder, path: string, above: T) {
    const { handle, borrowed } = this.enter(folder);
    try {
      const names = readdirSync(within(handle, Buffer.alloc(0)), { encoding: "buffer" });
      const beside = new Set(names.map(toText));
      const below: { folder: Folder; path: string; above: T; leave: boolean }[] = [];
      for (const bytes of names.sort(Buffer.compare).reverse()) {
        await this.pause();
        const stats = this.look(within(handle, bytes));
        if (stats === null) continue;
        const name = toText(bytes);
        const own = path === "" ? name : `${path}/${name}`;
        const target = stats.isSymbolicLink() ? this.target(within(handle, bytes)) : null;
        const told = this.visitor.visit({ path: own, name, stats, target, beside }, above);
        if (!stats.isDirectory() || (await this.isPseudo(within(handle, bytes), stats.dev)))
          continue;
        below.push({ folder: new Folder(folder, bytes), path: own, above: told, leave: false });
      }
      return below;
    } finally {
      if (borrowed) closeSync(handle);
    }
  }

  /** Null for what is gone by now. */
  private look(path: Buffer): BigIntStats | null {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
  }

  private target(path: Buffer): string | null {
    try {
      return toText(readlinkSync(path, { encoding: "buffer" }));
    } catch {
      return null;
    }
  }

  private async isPseudo(path: Buffer, device: bigint): Promise<boolean> {
    const known = this.pseudo.get(device);
    if (known !== undefined) return known;
    const { type } = await statfs(path);
    const found = PSEUDO.has(type);
    this.pseudo.set(device, found);
    return found;
  }

  /** A handle of the folder; `borrowed` is to be closed by whoever asked. */
  private enter(folder: Folder): { handle: number; borrowed: boolean } {
    const names: Buffer[] = [];
    let at: Folder | null = folder;
    while (at !== null && at.handle === null) {
      names.unshift(at.name);
      at = at.above;
    }
    let handle = at?.handle ?? null;
    const kept = handle;
    while (names.length > 0) {
      const step = [names.shift() ?? Buffer.alloc(0)];
      let length = step[0]?.length ?? 0;
      // The root is a path of its own; below it several names are one step.
      while (handle !== null && names[0] !== undefined && length + names[0].length < STEP) {
        const [name] = names.splice(0, 1);
        if (name === undefined) break;
        length += name.length + 1;
        step.push(Buffer.from("/"), name);
      }
      const path = Buffer.concat(step);
      const opened = openSync(handle === null ? path : within(handle, path), FLAGS);
      if (handle !== null && handle !== kept) closeSync(handle);
      handle = opened;
    }
    if (handle === null) throw new Error("a walk without a root");
    if (handle === kept) return { handle, borrowed: false };
    if (this.open >= HANDLES) return { handle, borrowed: true };
    this.open++;
    folder.handle = handle;
    return { handle, borrowed: false };
  }

  private close(folder: Folder): void {
    if (folder.handle === null) return;
    closeSync(folder.handle);
    folder.handle = null;
    this.open--;
  }

  private async pause(): Promise<void> {
    if (++this.turn % TURN !== 0) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.signal.throwIfAborted();
  }
}

/** Tells the visitor of everything below a root; `above` is what entries in it are told of. */
export async function walk<T>(
  root: string,
  above: T,
  visitor: Visitor<T>,
  signal: AbortSignal,
): Promise<void> {
  await new Walk(toBytes(root), visitor, signal).run(above);
}
