/** What a restore would change: each entry of the snapshot beside what lies in its place now. */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import {
  list,
  type Repository,
  type Row,
  type Section,
  type Snapshot,
  sectionsOf,
} from "../index.ts";

export interface Preview {
  readonly snapshot: Snapshot;
  /** A path of the snapshot. */
  readonly path: Buffer;
  /** Where its contents, or it, would lie. */
  readonly target: Buffer;
  readonly delete: boolean;
}

const SLASH = 0x2f;
const ROOT = Buffer.from("/");

function join(folder: Buffer, name: Buffer): Buffer {
  return folder.at(-1) === SLASH
    ? Buffer.concat([folder, name])
    : Buffer.concat([folder, ROOT, name]);
}

function below(path: Buffer, folder: Buffer): boolean {
  if (folder.equals(ROOT)) return path.length > 1;
  return (
    path.length > folder.length &&
    path[folder.length] === SLASH &&
    path.subarray(0, folder.length).equals(folder)
  );
}

/** A folder that the snapshot lists only in part: nothing is ever removed there. */
function isPartial(snapshot: Snapshot, folder: Buffer): boolean {
  const saved = sectionsOf(snapshot).flatMap(({ paths }) => paths);
  return !saved.some((path) => path.equals(folder) || below(folder, path));
}

/** Whether a restore of this folder deletes nothing in it; its own row is its parent's to list. */
async function keeps(repository: Repository, snapshot: Snapshot, folder: Buffer): Promise<boolean> {
  const lacks = ({ rules, troubles }: Section) => rules.length + troubles.length > 0;
  if (folder.equals(ROOT)) return sectionsOf(snapshot).some(lacks);
  const parent = folder.subarray(0, Math.max(1, folder.lastIndexOf(SLASH)));
  let found = false;
  await list(repository, snapshot, parent, false, (row) => {
    found ||= row.keeps && row.path.equals(folder);
  });
  return found;
}

function look(path: Buffer): BigIntStats | null {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

function kindOf(found: BigIntStats): Row["kind"] {
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "dir";
  if (found.isSymbolicLink()) return "symlink";
  if (found.isCharacterDevice()) return "char";
  if (found.isBlockDevice()) return "block";
  return found.isFIFO() ? "fifo" : "socket";
}

/** The mark of an entry, compared with what is there; empty when it would stay as it is. */
function compare(row: Row, place: Buffer, found: BigIntStats | null): Row["mark"] {
  if (found === null) return "+";
  if (kindOf(found) !== row.kind) return "C";
  const [seconds, nanoseconds] = row.mtime;
  const sameTime = found.mtimeNs === BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  if (row.kind === "file" && (found.size !== BigInt(row.size) || !sameTime)) return "C";
  if (row.kind === "symlink" && row.target !== null) {
    if (!readlinkSync(place, { encoding: "buffer" }).equals(row.target)) return "C";
  }
  const sameOwner = found.uid === BigInt(row.uid) && found.gid === BigInt(row.gid);
  const sameMode = row.kind === "symlink" || (found.mode & 0o7777n) === BigInt(row.mode & 0o7777);
  return sameTime && sameOwner && sameMode ? "" : "M";
}

function removed(path: Buffer, found: BigIntStats): Row {
  return {
    path,
    kind: kindOf(found),
    mode: Number(found.mode & 0o7777n),
    uid: Number(found.uid),
    gid: Number(found.gid),
    mtime: [Number(found.mtimeNs / 1_000_000_000n), Number(found.mtimeNs % 1_000_000_000n)],
    size: Number(found.size),
    target: null,
    mark: "-",
    keeps: false,
  };
}

/** Tells every change, with the paths that would change. */
export async function preview(
  repository: Repository,
  plan: Preview,
  onChange: (row: Row) => void,
): Promise<void> {
  const base = plan.path.equals(ROOT) ? 0 : plan.path.length;
  /** Names that the snapshot has, by folders in place from which others would be removed. */
  const wanted = new Map<string, Set<string>>();
  const key = (path: Buffer) => path.toString("latin1");
  const enter = (folder: Buffer, place: Buffer) => {
    if (plan.delete && !isPartial(plan.snapshot, folder) && look(place)?.isDirectory()) {
      wanted.set(key(place), new Set());
    }
  };
  const { path, target, snapshot } = plan;
  if (!(await keeps(repository, snapshot, path))) enter(path, target);
  await list(repository, plan.snapshot, plan.path, true, (row) => {
    const relative = row.path.subarray(base);
    const single = relative.length === 0;
    const cut = row.path.lastIndexOf(SLASH);
    const place = join(plan.target, single ? row.path.subarray(cut + 1) : relative.subarray(1));
    const slash = place.lastIndexOf(SLASH);
    wanted.get(key(place.subarray(0, Math.max(slash, 1))))?.add(key(place.subarray(slash + 1)));
    if (row.kind === "dir" && !row.keeps) enter(row.path, place);
    const mark = compare(row, place, look(place));
    // Folders above the saved paths keep their metadata when they are there.
    if (mark === "M" && isPartial(plan.snapshot, row.path)) return;
    if (mark !== "") onChange({ ...row, path: place, mark });
  });
  for (const [folder, names] of wanted) {
    const place = Buffer.from(folder, "latin1");
    for (const name of readdirSync(place, { encoding: "buffer" })) {
      if (names.has(key(name))) continue;
      const path = join(place, name);
      const found = look(path);
      if (found) onChange(removed(path, found));
    }
  }
}
