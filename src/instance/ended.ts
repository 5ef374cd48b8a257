/**
 * What a service that runs no more has left proves, or does not, that it ended cleanly. Its exit
 * status is not seen by anybody afterwards: only what its engines leave on the disk counts.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { below } from "../base/path.ts";
import { isBesideDatabase, unitId } from "../base/state.ts";
import type { Instance, Service } from "./descriptor.ts";
import { companions, isTold } from "./engines.ts";
import type { Holding } from "./facts.ts";
import { compile } from "./glob.ts";

/** Where a path of the instance is to be read. */
type At = (path: string) => string;

const look = (path: string) => statSync(path, { throwIfNoEntry: false });

export function bytesAt(path: string, from: number, length: number): Buffer {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, from));
  } finally {
    closeSync(fd);
  }
}

/** `silent`: it looks the same after a clean end and after a kill. */
type Proof = "clean" | "silent" | "unclean";

/** The last connection that is closed takes the write-ahead log away; a killed one leaves it. */
function sqlite(path: string, at: At): Proof {
  if (isBesideDatabase(path)) return "silent";
  const logs = companions("sqlite", path).filter((name) => !name.endsWith("-shm"));
  if (logs.some((log) => look(at(log)) !== undefined)) return "unclean";
  const mode = bytesAt(at(path), 18, 2);
  return mode.equals(Buffer.from([2, 2])) ? "clean" : "silent";
}

/** `state` of a control file after a shutdown: DB_SHUTDOWNED. */
export const SHUT_DOWN = 1;

function postgres(path: string, at: At): Proof {
  // A tablespace: the cluster speaks for it.
  if (look(at(join(path, "PG_VERSION"))) === undefined) return "silent";
  if (look(at(join(path, "postmaster.pid"))) !== undefined) return "unclean";
  const state = bytesAt(at(join(path, "global", "pg_control")), 16, 4);
  return state.length === 4 && state.readUInt32LE(0) === SHUT_DOWN ? "clean" : "unclean";
}

const PROOFS: Readonly<Record<string, (path: string, at: At) => Proof>> = { sqlite, postgres };

/** Whether something is there that a glob means; patterns stand in its last name only. */
function isLeft(glob: string, at: At): boolean {
  const matcher = compile(basename(glob));
  const folder = at(dirname(glob));
  return look(folder) !== undefined && readdirSync(folder).some((name) => matcher.test(name));
}

function proofs(root: string, own: readonly Holding[], at: At): Proof[] {
  return own.flatMap(({ unit, tops }) =>
    tops.map((top) => PROOFS[unit.engine]?.(below(root, top), at) ?? "silent"),
  );
}

/** Whether one service ended cleanly: something of it says so, and nothing denies it. */
function isClean({ stop }: Service, root: string, own: readonly Holding[], at: At): boolean {
  if (own.some(({ openBy }) => openBy.length > 0)) return false;
  if ((stop?.absent ?? []).some((glob) => isLeft(below(root, glob), at))) return false;
  try {
    const said = proofs(root, own, at);
    return said.includes("clean") && !said.includes("unclean");
  } catch {
    // What cannot be read proves nothing.
    return false;
  }
}

/** Engines whose state may have been in their process, and that leave nothing which tells. */
const MUTE = ["redis", "redb", "lmdb", "rocksdb", "leveldb", "lance"];

/** Ids of the units whose services ended cleanly, by what they left. */
export function endedUnits(instance: Instance, holdings: readonly Holding[], at: At): Set<string> {
  const found = new Set<string>();
  for (const service of instance.services) {
    if (!service.units.some(({ engine }) => isTold(engine))) continue;
    const own = holdings.filter(({ unit }) => unit.service === service.name);
    if (!isClean(service, instance.root, own, at)) continue;
    for (const { unit } of own) if (!MUTE.includes(unit.engine)) found.add(unitId(unit));
  }
  return found;
}
