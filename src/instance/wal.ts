/**
 * What a PostgreSQL cluster's recovery would do again: tablespaces that its log makes after the
 * last checkpoint, each at the absolute path that it was made at.
 *
 * Records are followed as the engine follows them, from where recovery begins, and no further than
 * they link to each other. Their checksums are not computed: one record too many is told, never one
 * too few.
 */
import {
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Failure } from "../base/failure.ts";
import type { Engine } from "../base/state.ts";
import { bytesAt, SHUT_DOWN } from "./ended.ts";
import { clusters } from "./pointers.ts";

export interface LateSpace {
  readonly cluster: string;
  /** Name of its link in `pg_tblspc`. */
  readonly oid: number;
  readonly at: string;
}

const PAGE = 8192;
/** Header of a page, and of the first page of a file. */
const [SHORT, LONG] = [24, 40];
/** Header of a record, which begins at a multiple of eight. */
const RECORD = 24;
const aligned = (lsn: number) => Math.ceil(lsn / 8) * 8;

/** Kinds of records: of the log itself, and of tablespaces. */
const [XLOG, TABLESPACE] = [0, 5];
const [SWITCH, CREATE] = [0x40, 0x00];
/** What may lie before a record's own data: each has a byte that says what it is. */
const [TOPLEVEL_XID, ORIGIN, DATA_LONG, DATA_SHORT] = [252, 253, 254, 255];

/** `pg_control_version` of PostgreSQL 11, since when its fields are where they are. */
const SINCE = 1100;

/** Where recovery begins; null: there is none to do. */
function beginning(cluster: string): number | null {
  const [label, file] = [join(cluster, "backup_label"), join(cluster, "global", "pg_control")];
  if (existsSync(label)) {
    const text = readFileSync(label, "latin1");
    const [, high = "", low = ""] = /^START WAL LOCATION: (\w+)\/(\w+)/m.exec(text) ?? [];
    return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
  }
  // Without it nobody starts the cluster.
  if (!existsSync(file)) return null;
  const control = readFileSync(file);
  if (control.readUInt32LE(16) === SHUT_DOWN) return null;
  if (control.readUInt32LE(8) >= SINCE) return Number(control.readBigUInt64LE(40));
  throw new Failure(
    "invalid",
    `${cluster}: PostgreSQL before 11 comes back from a clean stop only`,
  );
}

/** The log's bytes by their place in it; what is missing or of another place is its end. */
class Log implements Disposable {
  readonly #folder: string;
  /** Names of files without their timeline, and the last timeline of each, which has it all. */
  readonly #files = new Map<string, string>();
  readonly #size: number = 0;
  #open: { readonly number: number; readonly fd: number } | null = null;
  /** The page read last: dozens of records lie on one. */
  #last: { readonly start: number; readonly page: Buffer } | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    const names = existsSync(folder) ? readdirSync(folder).sort() : [];
    for (const name of names.filter((one) => /^[0-9A-F]{24}$/.test(one))) {
      this.#files.set(name.slice(8), name);
    }
    const [first] = this.#files.values();
    if (first !== undefined) this.#size = bytesAt(join(folder, first), 32, 4).readUInt32LE(0);
  }

  #file(number: number): number | null {
    if (this.#open?.number === number) return this.#open.fd;
    this[Symbol.dispose]();
    const each = 2 ** 32 / this.#size;
    const parts = [Math.floor(number / each), number % each];
    const name = parts.map((n) => n.toString(16).toUpperCase().padStart(8, "0")).join("");
    const file = this.#files.get(name);
    if (file === undefined) return null;
    this.#open = { number, fd: openSync(join(this.#folder, file), "r") };
    return this.#open.fd;
  }

  /** The page that a place is on; null: the log does not go on there. */
  #page(lsn: number): Buffer | null {
    if (this.#size === 0) return null;
    const start = lsn - (lsn % PAGE);
    if (this.#last?.start === start) return this.#last.page;
    const fd = this.#file(Math.floor(start / this.#size));
    const page = Buffer.alloc(PAGE);
    if (fd === null || readSync(fd, page, 0, PAGE, start % this.#size) < PAGE) return null;
    if (page.readBigUInt64LE(8) !== BigInt(start)) return null;
    this.#last = { start, page };
    return page;
  }

  /** The first place at or after this one that is no header of a page. */
  place(lsn: number): number {
    if (lsn % PAGE !== 0) return lsn;
    return lsn + (lsn % this.#size === 0 ? LONG : SHORT);
  }

  /** The place that lies so many bytes of records further. */
  after(lsn: number, length: number): number {
    let [at, left] = [this.place(lsn), length];
    for (let room = PAGE - (at % PAGE); left >= room; room = PAGE - (at % PAGE)) {
      at = this.place(at + room);
      left -= room;
    }
    return at + left;
  }

  /** The beginning of the next file. */
  next(lsn: number): number {
    return Math.ceil(lsn / this.#size) * this.#size;
  }

  /** So many bytes of a record, or fewer where the log ends. */
  read(lsn: number, length: number): Buffer {
    const parts: Buffer[] = [];
    for (let [at, left] = [this.place(lsn), length]; left > 0; ) {
      const part = this.#page(at)?.subarray(at % PAGE, (at % PAGE) + left);
      if (part === undefined) break;
      parts.push(part);
      left -= part.length;
      at = this.place(at + part.length);
    }
    return Buffer.concat(parts);
  }

  [Symbol.dispose](): void {
    if (this.#open !== null) closeSync(this.#open.fd);
    this.#open = null;
  }
}

/** The data of a record that changes no page. */
function dataOf(body: Buffer): Buffer {
  for (let at = 0; at < body.length; ) {
    const kind = body[at];
    if (kind === DATA_SHORT) return body.subarray(at + 2);
    if (kind === DATA_LONG) return body.subarray(at + 5);
    if (kind === ORIGIN) at += 3;
    else if (kind === TOPLEVEL_XID) at += 5;
    else break;
  }
  return Buffer.alloc(0);
}

/** Of one that ended cleanly there are none. */
function lateOf(cluster: string): LateSpace[] {
  const lsn = beginning(cluster);
  if (lsn === null) return [];
  using log = new Log(join(cluster, "pg_wal"));
  const found: LateSpace[] = [];
  let before: bigint | null = null;
  for (let at = log.place(lsn); ; ) {
    const head = log.read(at, RECORD);
    if (head.length < RECORD || head.readUInt32LE(0) < RECORD) return found;
    const [length, previous] = [head.readUInt32LE(0), head.readBigUInt64LE(8)];
    if (before !== null && previous !== before) return found;
    const [kind, rmgr] = [(head[16] ?? 0) & 0xf0, head[17]];
    if (rmgr === TABLESPACE && kind === CREATE) {
      const data = dataOf(log.read(at, length).subarray(RECORD));
      const end = data.indexOf(0, 4);
      const path = data.toString("utf8", 4, end < 0 ? data.length : end);
      // One without a path lies in the cluster itself.
      if (path.startsWith("/")) found.push({ cluster, oid: data.readUInt32LE(0), at: path });
    }
    before = BigInt(at);
    const end = aligned(log.after(at, length));
    at = log.place(rmgr === XLOG && kind === SWITCH ? log.next(end) : end);
  }
}

/** Tablespaces that recovery would make again, of every cluster of a unit that lies at a path. */
export const lateSpaces = (engine: Engine, path: string): LateSpace[] =>
  engine === "postgres" ? clusters(path).flatMap(lateOf) : [];

/** A cluster that nobody can start, the version that its file said, and what lets it be started. */
export interface Barred {
  readonly version: string;
  readonly release: () => void;
}

/**
 * Takes away the file without which nobody starts a cluster. A restore that goes on brings it back,
 * too; who held the lock has ended.
 */
export function bar(cluster: string): Barred {
  const at = join(cluster, "PG_VERSION");
  const [{ uid, gid, mode }, version] = [lstatSync(at), readFileSync(at, "utf8")];
  for (const name of [at, join(cluster, "postmaster.pid")]) rmSync(name, { force: true });
  const release = () => {
    writeFileSync(at, version, { mode: mode & 0o7777 });
    chownSync(at, uid, gid);
  };
  return { version: version.trim(), release };
}
