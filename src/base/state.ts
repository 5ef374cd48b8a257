/**
 * The words of state units: what engines keep them, what they are worth, how a cut of them stands.
 */

/** What keeps a unit's bytes; `opaque` is a file of which nothing is known. */
export const ENGINES = [
  "files",
  "sqlite",
  "redis",
  "redb",
  "lmdb",
  "rocksdb",
  "leveldb",
  "git",
  "postgres",
  "lance",
  "opaque",
] as const;
export type Engine = (typeof ENGINES)[number];

/** What a unit is worth. */
export const CLASSES = [
  "authoritative",
  "derived-cheap",
  "derived-costly",
  "cache",
  "ephemeral",
  "secret",
] as const;
export type UnitClass = (typeof CLASSES)[number];

/** How a unit stands in itself, worst first. */
export const INSIDE = ["unknown", "power-crash", "process-crash", "native", "clean-stop"] as const;
export type Inside = (typeof INSIDE)[number];

/** How a unit stands with the other units of its snapshot, worst first. */
export const ACROSS = ["none", "order kept", "one moment"] as const;
export type Across = (typeof ACROSS)[number];

/** What a unit says of what it holds; null: it was not asked that. */
export interface Answers {
  readonly count: number | null;
  /** SHA-256 of the whole answer, hexadecimal. */
  readonly digest: string | null;
}

/** Whether it is a log of a database of SQLite, or its shared memory, and no database. */
export const isBesideDatabase = (path: string): boolean => /-(wal|journal|shm)$/.test(path);

/** How a unit is called where one text must do. */
export const unitId = ({ service, id }: { readonly service: string; readonly id: string }) =>
  `${service}/${id}`;
