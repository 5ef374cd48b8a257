/** The snapshot record: one point in time, and all that is needed to restore it. */
import { encode, type Value } from "./canonical.ts";
import { Fields } from "./fields.ts";

export interface Snapshot {
  /** Stable id, 16 bytes, apart from the object's name. */
  readonly id: Buffer;
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly writer: Buffer;
  readonly sequence: number;
  /** Snapshots its writer saw that nothing else it saw came after. */
  readonly heads: Buffer[];
  readonly claim: Buffer;
  readonly parent: Buffer | null;
  readonly tool: string;
  readonly section: Section;
}

/** The part of a snapshot that speaks of one context, sealed under its domain. */
export interface Section {
  readonly context: string;
  readonly paths: Buffer[];
  readonly tags: string[];
  readonly units: Unit[];
  readonly users: [number, string][];
  readonly groups: [number, string][];
  /** What could not be saved or kept, and why. */
  readonly troubles: [Buffer, string][];
}

/** One state unit's manifest. */
export interface Unit {
  readonly id: string;
  readonly engine: string;
  readonly root: Buffer;
  readonly hints: Buffer | null;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
}

export function encodeSection(s: Section): Buffer {
  const units = s.units.map(
    (u): Value => [u.id, u.engine, u.root, u.hints, u.entries, u.files, u.bytes, []],
  );
  return encode([s.context, s.paths, s.tags, units, s.users, s.groups, s.troubles, []]);
}

export function decodeSection(bytes: Buffer): Section {
  const f = Fields.of(bytes, "snapshot section", 8);
  const owners = (list: Value[]) =>
    list.map((row): [number, string] => {
      const o = Fields.of(row, "owner", 2);
      return [o.int(), o.text()];
    });
  const section = {
    context: f.text(),
    paths: f.list().map((p) => Fields.of([p], "path", 1).bytes()),
    tags: f.list().map((t) => Fields.of([t], "tag", 1).text()),
    units: f.list().map(decodeUnit),
    users: owners(f.list()),
    groups: owners(f.list()),
    troubles: f.list().map((row): [Buffer, string] => {
      const t = Fields.of(row, "trouble", 2);
      return [t.bytes(), t.text()];
    }),
  };
  f.extensions();
  return section;
}

function decodeUnit(value: Value): Unit {
  const f = Fields.of(value, "state unit", 8);
  const unit = {
    id: f.text(),
    engine: f.text(),
    root: f.bytes(32),
    hints: f.maybeBytes(32),
    entries: f.int(),
    files: f.int(),
    bytes: f.int(),
  };
  f.extensions();
  return unit;
}

/** `sealSection` turns a section's bytes into the nested sealed object and its name. */
export function encodeSnapshot(
  s: Snapshot,
  sealSection: (bytes: Buffer) => { name: string; bytes: Buffer },
): Buffer {
  const sealed = sealSection(encodeSection(s.section));
  return encode([
    s.id,
    s.host,
    s.time,
    s.writer,
    s.sequence,
    s.heads,
    s.claim,
    s.parent,
    s.tool,
    [[sealed.name, sealed.bytes]],
    [],
  ]);
}

export function decodeSnapshot(
  bytes: Buffer,
  openSection: (name: string, bytes: Buffer) => Buffer,
): Snapshot {
  const f = Fields.of(bytes, "snapshot", 11);
  const head = {
    id: f.bytes(16),
    host: f.text(),
    time: f.int(),
    writer: f.bytes(16),
    sequence: f.int(),
    heads: f.list().map((h) => Fields.of([h], "head", 1).bytes(16)),
    claim: f.bytes(16),
    parent: f.maybeBytes(16),
    tool: f.text(),
  };
  const sections = f.list().map((row) => {
    const s = Fields.of(row, "sealed section", 2);
    return decodeSection(openSection(s.text(), s.bytes()));
  });
  f.extensions();
  const [section] = sections;
  if (section === undefined) return { ...head, section: EMPTY };
  return { ...head, section };
}

const EMPTY: Section = {
  context: "",
  paths: [],
  tags: [],
  units: [],
  users: [],
  groups: [],
  troubles: [],
};
