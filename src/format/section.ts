/** The part of a snapshot that speaks of one context, sealed under its domain. */
import { Failure } from "../base/failure.ts";
import {
  ACROSS,
  type Across,
  type Answers,
  CLASSES,
  INSIDE,
  type Inside,
  type UnitClass,
} from "../base/state.ts";
import { encode, type Value } from "./canonical.ts";
import { Fields } from "./fields.ts";

export interface Section {
  readonly context: string;
  readonly paths: Buffer[];
  readonly tags: string[];
  /** What was left out because somebody asked for it. */
  readonly rules: Rule[];
  readonly units: Unit[];
  readonly users: [number, string][];
  readonly groups: [number, string][];
  /** What could not be saved or kept, and why. */
  readonly troubles: [Buffer, string][];
}

export const RULES = {
  pattern: 1,
  ignoreFile: 2,
  caches: 3,
  otherFileSystems: 4,
  sockets: 5,
} as const;

export interface Rule {
  readonly kind: number;
  /** The pattern, or the ignore file's name; empty where the kind says it all. */
  readonly value: Buffer;
  readonly reason: string;
}

/** One state unit's manifest, and how it was cut. */
export interface Unit {
  readonly id: string;
  readonly class: UnitClass;
  readonly engine: string;
  /** The engine's own format version; empty where it has none. */
  readonly engineFormat: string;
  /** What identifies the schema of what is inside; empty where nothing does. */
  readonly schema: string;
  /** How consistent the unit is in itself, and with the other units of the snapshot. */
  readonly consistency: [inside: Inside, across: Across];
  /**
   * Milliseconds since 1970: the set's last writer stopped, the flush requested, the unit's last
   * thread stopped, first continued. Null where nothing stood still.
   */
  readonly cut: [number | null, number | null, number | null, number | null];
  readonly root: Buffer;
  readonly hints: Buffer | null;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
  /** What it said of what it holds, on a clone of this very cut. */
  readonly answers?: Answers;
}

/** Extensions of a unit. */
const ANSWERS = 4;

export function encodeSection(s: Section): Buffer {
  const rules = s.rules.map((r): Value => [r.kind, r.value, r.reason]);
  const units = s.units.map(encodeUnit);
  return encode([s.context, s.paths, s.tags, rules, units, s.users, s.groups, s.troubles, []]);
}

function encodeUnit(u: Unit): Value {
  return [
    u.id,
    CLASSES.indexOf(u.class) + 1,
    u.engine,
    u.engineFormat,
    u.schema,
    [INSIDE.indexOf(u.consistency[0]), ACROSS.indexOf(u.consistency[1])],
    u.cut,
    u.root,
    u.hints,
    u.entries,
    u.files,
    u.bytes,
    u.answers === undefined ? [] : [[ANSWERS, 0, encodeAnswers(u.answers)]],
  ];
}

const encodeAnswers = ({ count, digest }: Answers): Buffer =>
  encode([count, digest === null ? null : Buffer.from(digest, "hex")]);

function decodeAnswers(bytes: Buffer): Answers {
  const f = Fields.of(bytes, "answers of a unit", 2);
  return { count: f.maybeInt(), digest: f.maybeBytes(32)?.toString("hex") ?? null };
}

export function decodeSection(bytes: Buffer): Section {
  const f = Fields.of(bytes, "snapshot section", 9);
  const rows = <T>(what: string, count: number, read: (f: Fields) => T): T[] =>
    f.list().map((row) => read(Fields.of(row, what, count)));
  const section = {
    context: f.text(),
    paths: f.list().map((p) => Fields.of([p], "path", 1).bytes()),
    tags: f.list().map((t) => Fields.of([t], "tag", 1).text()),
    rules: rows("rule", 3, (r) => ({ kind: r.int(), value: r.bytes(), reason: r.text() })),
    units: f.list().map(decodeUnit),
    users: rows("owner", 2, (o): [number, string] => [o.int(), o.text()]),
    groups: rows("owner", 2, (o): [number, string] => [o.int(), o.text()]),
    troubles: rows("trouble", 2, (t): [Buffer, string] => [t.bytes(), t.text()]),
  };
  f.extensions();
  return section;
}

/** The word that a number stands for; a number of a later version is refused. */
function word<T>(words: readonly T[], index: number, what: string): T {
  const found = words[index];
  if (found === undefined) throw new Failure("newer_format", `state unit of unknown ${what}`);
  return found;
}

function decodeUnit(value: Value): Unit {
  const f = Fields.of(value, "state unit", 13);
  const pair = (list: Fields): [Inside, Across] => [
    word(INSIDE, list.int(), "consistency"),
    word(ACROSS, list.int(), "consistency"),
  ];
  const times = (list: Fields): Unit["cut"] => [
    list.maybeInt(),
    list.maybeInt(),
    list.maybeInt(),
    list.maybeInt(),
  ];
  const unit = {
    id: f.text(),
    class: word(CLASSES, f.int() - 1, "class"),
    engine: f.text(),
    engineFormat: f.text(),
    schema: f.text(),
    consistency: pair(Fields.of(f.raw(), "consistency", 2)),
    cut: times(Fields.of(f.raw(), "cut", 4)),
    root: f.bytes(32),
    hints: f.maybeBytes(32),
    entries: f.int(),
    files: f.int(),
    bytes: f.int(),
  };
  const answers = f.extensions([ANSWERS]).get(ANSWERS);
  return { ...unit, ...(answers === undefined ? {} : { answers: decodeAnswers(answers) }) };
}
