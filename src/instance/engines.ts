/** What every engine of a kind has in common: files that belong together, and files it owns. */
import type { Engine } from "../base/state.ts";
import type { CrashSafe, StateUnit } from "./descriptor.ts";

/** Globs of files that belong to what a unit's glob names: logs that are cut with it, locks. */
export function companions(engine: Engine, glob: string): string[] {
  if (engine === "sqlite") return ["-wal", "-journal", "-shm"].map((ending) => glob + ending);
  if (engine !== "lmdb") return [];
  return [
    `${glob}-lock`,
    ...(glob.endsWith("/data.mdb") ? [glob.replace(/data.mdb$/, "lock.mdb")] : []),
  ];
}

/** The folder that a name lies in, as far as owning it goes. */
export interface Around {
  /** All names in that folder. */
  readonly names: ReadonlySet<string>;
  /** It is a git directory, or lies in one. */
  readonly git: boolean;
}

type Owns = (name: string, around: Around) => boolean;

const lock: Owns = (name, { names }) => name === "LOCK" && names.has("CURRENT");
const mdb: Owns = (name, { names }) =>
  (name === "lock.mdb" && names.has("data.mdb")) ||
  (name.endsWith("-lock") && names.has(name.slice(0, -5)));

/** Files that an engine makes anew when it starts, by their exact place; never by name alone. */
const OWNED: Partial<Record<Engine, Owns>> = {
  sqlite: (name, { names }) => name.endsWith("-shm") && names.has(name.slice(0, -4)),
  lmdb: mdb,
  // hero_redis keeps its vectors in LMDB beside its databases.
  redb: mdb,
  rocksdb: lock,
  leveldb: lock,
  postgres: (name, { names }) => name === "postmaster.pid" && names.has("PG_VERSION"),
  git: (name, { git }) => git && (name === "gc.pid" || name.endsWith(".lock")),
};

/** Whether a file of a unit is only a lock, a pid or shared memory of its running engine. */
export const owned = (engine: Engine, name: string, around: Around): boolean =>
  OWNED[engine]?.(name, around) ?? false;

/** Whether these are the names in a git directory. */
export const isGit = (names: ReadonlySet<string>): boolean =>
  names.has("HEAD") && names.has("objects") && names.has("refs");

/** Whether what an engine leaves on the disk tells that it ended cleanly. */
export const isTold = (engine: Engine): boolean => engine === "sqlite" || engine === "postgres";

/** What acknowledged data survives unless the descriptor says otherwise; null: nobody knows. */
const DEFAULT: Partial<Record<Engine, CrashSafe>> = {
  sqlite: "process",
  redis: "process",
  lmdb: "process",
  rocksdb: "process",
  leveldb: "process",
  git: "process",
  postgres: "power",
  redb: "process",
};

export const crashSafeOf = (unit: Pick<StateUnit, "crashSafe" | "engine">): CrashSafe | null =>
  unit.crashSafe ?? DEFAULT[unit.engine] ?? null;
