/**
 * A model of a file system that loses power: the `Files` that the folder store is made of, over a
 * log.
 *
 * What is promised is as little as POSIX promises: a file's bytes are durable after its own sync, a
 * name after the sync of the folder that holds it, and a sync covers what was done before it began.
 * Everything else survives a crash or not, each operation for itself and in any order; writes may
 * be torn.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Files, OpenFile } from "../../src/store/files.ts";

type Operation =
  | { on: number; kind: "name"; name: string; inode: number | null }
  | { on: number; kind: "bytes"; at: number; bytes: Buffer }
  | { on: number; kind: "sync"; covers: number }
  /** Drops what it should have written: no later sync covers it. */
  | { on: number; kind: "failed"; drops: number }
  | { on: -1; kind: "said"; name: string };

type Folder = Map<string, number>;

/** What a crash left. */
export interface Left {
  readonly folders: Map<number, Folder>;
  readonly contents: Map<number, Buffer>;
}

const ROOT = 0;
/** Longest write of one call, so that files take several. */
const WRITE = 4;

function wrong(code: string): Error {
  return Object.assign(new Error(`${code}: model`), { code });
}

function apply(left: Left, op: Operation): void {
  if (op.kind === "name") {
    const folder = left.folders.get(op.on) ?? new Map<string, number>();
    left.folders.set(op.on, folder);
    if (op.inode === null) folder.delete(op.name);
    else folder.set(op.name, op.inode);
  } else if (op.kind === "bytes") {
    const old = left.contents.get(op.on) ?? Buffer.alloc(0);
    const out = Buffer.alloc(Math.max(old.length, op.at + op.bytes.length));
    old.copy(out);
    op.bytes.copy(out, op.at);
    left.contents.set(op.on, out);
  }
}

function find(left: Left, path: string): number | undefined {
  let at: number | undefined = ROOT;
  for (const name of path.split("/").filter(Boolean)) {
    at = at === undefined ? undefined : left.folders.get(at)?.get(name);
  }
  return at;
}

export class PowerModel {
  readonly log: Operation[] = [];
  private readonly now: Left = { folders: new Map([[ROOT, new Map()]]), contents: new Map() };
  private readonly isFolder = new Set([ROOT]);
  private next = 1;
  /** What a sync that begins will do, by its path. */
  onSync: (path: string) => "works" | "fails" | "nothing" = () => "works";
  /** How many turns of the event loop the next operation takes: the schedule of two writers. */
  pace: () => number = () => 1;

  private async rest(): Promise<void> {
    for (let left = this.pace(); left > 0; left--) await turn();
  }

  /** Marks that a put was acknowledged. */
  said(name: string): void {
    this.log.push({ on: -1, kind: "said", name });
  }

  private act(op: Operation): void {
    this.log.push(op);
    apply(this.now, op);
  }

  private folder(path: string): number {
    const inode = find(this.now, path);
    if (inode === undefined || !this.isFolder.has(inode)) throw wrong("ENOENT");
    return inode;
  }

  private place(path: string): { on: number; name: string } {
    const cut = path.lastIndexOf("/");
    return { on: this.folder(path.slice(0, cut)), name: path.slice(cut + 1) };
  }

  /**
   * Power fails after the sync's return, before it, or while it runs: it covers what was before it.
   */
  private async sync(path: string, on: number): Promise<void> {
    const covers = this.log.length;
    const outcome = this.onSync(path);
    await this.rest();
    if (outcome === "works") this.log.push({ on, kind: "sync", covers });
    if (outcome === "fails") {
      this.log.push({ on, kind: "failed", drops: this.log.length });
      throw wrong("EIO");
    }
  }

  private file(path: string, inode: number): OpenFile {
    return {
      write: async (bytes, at) => {
        await this.rest();
        const part = Buffer.from(bytes.subarray(0, WRITE));
        this.act({ on: inode, kind: "bytes", at, bytes: part });
        return part.length;
      },
      read: async () => 0,
      size: async () => 0,
      sync: () => this.sync(path, inode),
      close: async () => undefined,
    };
  }

  readonly files: Files = {
    open: async (path) => {
      await this.rest();
      const { on, name } = this.place(path);
      if (this.now.folders.get(on)?.has(name)) throw wrong("EEXIST");
      const inode = this.next++;
      this.act({ on, kind: "name", name, inode });
      return this.file(path, inode);
    },
    link: async (from, to) => {
      await this.rest();
      const inode = find(this.now, from);
      if (inode === undefined) throw wrong("ENOENT");
      const { on, name } = this.place(to);
      if (this.now.folders.get(on)?.has(name)) throw wrong("EEXIST");
      this.act({ on, kind: "name", name, inode });
    },
    unlink: async (path) => {
      await this.rest();
      this.act({ ...this.place(path), kind: "name", inode: null });
    },
    makeFolder: async (path) => {
      await this.rest();
      const { on, name } = this.place(path);
      if (this.now.folders.get(on)?.has(name)) return false;
      const inode = this.next++;
      this.isFolder.add(inode);
      this.now.folders.set(inode, new Map());
      this.act({ on, kind: "name", name, inode });
      return true;
    },
    syncFolder: (path) => this.sync(path, this.folder(path)),
    list: async () => [],
    length: async () => 0,
  };

  /** Operations before `moment` that no sync covers, by their places in the log. */
  pending(moment: number): number[] {
    const before = this.log.slice(0, moment);
    const durable = (at: number, on: number) => {
      const dropped = before.findIndex(
        (op) => op.kind === "failed" && op.on === on && at < op.drops,
      );
      const end = dropped < 0 ? moment : dropped;
      return before
        .slice(at, end)
        .some((op) => op.kind === "sync" && op.on === on && at < op.covers);
    };
    return [...before.entries()]
      .filter(([at, op]) => (op.kind === "name" || op.kind === "bytes") && !durable(at, op.on))
      .map(([at]) => at);
  }

  /** What a crash at `moment` leaves when each pending operation has its fate. */
  crash(moment: number, fates: Map<number, Fate>): Left {
    const left: Left = { folders: new Map([[ROOT, new Map()]]), contents: new Map() };
    for (const [i, op] of this.log.slice(0, moment).entries()) {
      const fate = fates.get(i) ?? "kept";
      if (fate === "lost") continue;
      if (op.kind !== "bytes" || fate === "kept") apply(left, op);
      else if (fate === "torn")
        apply(left, { ...op, bytes: op.bytes.subarray(0, op.bytes.length / 2) });
      else apply(left, { ...op, bytes: Buffer.alloc(op.bytes.length) });
    }
    return left;
  }

  saidBefore(moment: number): string[] {
    return this.log.slice(0, moment).flatMap((op) => (op.kind === "said" ? [op.name] : []));
  }

  isBytes(at: number): boolean {
    return this.log[at]?.kind === "bytes";
  }
}

/** `torn`: the first half only. `empty`: the file has the length, but zeros. */
export type Fate = "kept" | "lost" | "torn" | "empty";

/** What a crash left, for reading: a store opened over it is the machine after its restart. */
export function afterwards(left: Left): Files {
  const no = async (): Promise<never> => {
    throw wrong("EROFS");
  };
  const content = (path: string): Buffer => {
    const inode = find(left, path);
    if (inode === undefined) throw wrong("ENOENT");
    return left.contents.get(inode) ?? Buffer.alloc(0);
  };
  return {
    open: async (path) => {
      const bytes = content(path);
      return {
        write: no,
        read: async (into, position) => bytes.copy(into, 0, position),
        size: async () => bytes.length,
        sync: no,
        close: async () => undefined,
      };
    },
    link: no,
    unlink: no,
    makeFolder: no,
    syncFolder: no,
    list: async (path) => {
      const inode = find(left, path);
      const names = inode === undefined ? [] : [...(left.folders.get(inode) ?? [])];
      return names.map(([name, at]) => ({ name, isFolder: left.folders.has(at) }));
    },
    length: async (path) => content(path).length,
  };
}
