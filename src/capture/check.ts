/** Whether a copy is whole, as far as the format of its engine tells: what is cut short is told. */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../base/failure.ts";
import type { Engine } from "../base/state.ts";

const look = (path: string) => statSync(path, { throwIfNoEntry: false });

const torn = (why: string) => new Failure("not_captured", `capture: ${why}`);

/** The first bytes of a file, or of a part of it. */
function head(path: string, length: number): Buffer {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, 0));
  } finally {
    closeSync(fd);
  }
}

/** A database has as many pages as its first one says. */
function sqlite(path: string, to: string): void {
  // One that nothing was written to yet has no pages.
  if (look(path)?.size === 0) return;
  const bytes = head(to, 100);
  if (bytes.length < 100 || !bytes.toString("latin1").startsWith("SQLite format 3\0")) {
    throw torn("the copy is no database");
  }
  const page = bytes.readUInt16BE(16) === 1 ? 65_536 : bytes.readUInt16BE(16);
  const size = look(to)?.size ?? 0;
  const believed = bytes.readUInt32BE(24) === bytes.readUInt32BE(92);
  if (size % page !== 0 || (believed && bytes.readUInt32BE(28) * page !== size)) {
    throw torn(`the copy is cut short: it has ${size} bytes`);
  }
  const log = ["-journal", "-wal"].find((ending) => (look(to + ending)?.size ?? 0) > 0);
  if (log !== undefined) throw torn(`the copy is not done: a log (${log}) is beside it`);
}

interface BackupManifest {
  readonly Files?: readonly { readonly Path?: string; readonly Size: number }[];
  readonly "WAL-Ranges"?: readonly {
    readonly Timeline: number;
    readonly "Start-LSN": string;
    readonly "End-LSN": string;
  }[];
}

function positionOf(text: string): bigint {
  const [high = "0", low = "0"] = text.split("/");
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** Names of the log's files from one position to another. */
function segments(timeline: number, from: bigint, to: bigint, size: bigint): string[] {
  const each = 0x1_0000_0000n / size;
  const names: string[] = [];
  for (let at = from / size; at <= (to - 1n) / size; at++) {
    const parts = [BigInt(timeline), at / each, at % each];
    names.push(parts.map((n) => n.toString(16).toUpperCase().padStart(8, "0")).join(""));
  }
  return names;
}

/** A cluster has every file that its manifest has, and the log that makes them agree. */
function postgres(to: string): void {
  const file = join(to, "backup_manifest");
  if (look(file) === undefined) throw torn("the copy has no backup_manifest: it was not finished");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as BackupManifest;
  for (const { Path: path, Size: size } of manifest.Files ?? []) {
    if (path === undefined) continue;
    const found = look(join(to, path));
    if (found === undefined) throw torn(`the copy lacks ${path}`);
    if (found.size !== size) throw torn(`${path} in the copy is cut short`);
  }
  const logs = readdirSync(join(to, "pg_wal")).filter((name) => /^[0-9A-F]{24}$/.test(name));
  const size = look(join(to, "pg_wal", logs[0] ?? ""))?.size ?? 0;
  for (const range of manifest["WAL-Ranges"] ?? []) {
    const [from, end] = [positionOf(range["Start-LSN"]), positionOf(range["End-LSN"])];
    const needed = logs.length === 0 ? [""] : segments(range.Timeline, from, end, BigInt(size));
    if (needed.every((name) => logs.includes(name))) continue;
    throw torn("the copy lacks a part of the log that it begins with; pg_basebackup -X stream");
  }
}

/** Fails with `not_captured` when the copy at `to` of what is at `path` is not whole. */
export function refuseTorn(engine: Engine, path: string, to: string): void {
  const found = look(to);
  const empty = found?.isDirectory() ? readdirSync(to).length === 0 : found?.size === 0;
  if (found === undefined || (empty && look(path)?.size !== 0)) {
    throw torn("its programs ended well and wrote nothing");
  }
  if (found.isDirectory() !== look(path)?.isDirectory()) throw torn("the copy is of another kind");
  if (engine === "sqlite") sqlite(path, to);
  if (engine === "postgres") postgres(to);
}
