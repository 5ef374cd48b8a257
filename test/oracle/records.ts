/** Contents of config, snapshot and section, and of the records that deleting works with. */
import { Row, unpack, type Value } from "./encoding.ts";
import { openRecord, type Ring, type Stored, tagIsOf } from "./object.ts";

export interface Config {
  readonly lineage: Buffer;
  readonly replica: Buffer;
  readonly generation: number;
}

function flags(value: Value): string[][] {
  const row = new Row(value, 4);
  const texts = () => row.list().map((flag) => new Row([flag], 1).text());
  return [texts(), texts(), texts(), texts()];
}

/** A reader refuses only what reading needs. */
function mayRead(value: Value): void {
  const [read = []] = flags(value);
  if (read.length > 0) throw new Error(`needs ${read}`);
}

export function config(content: Buffer): Config {
  const f = new Row(unpack(content), 7);
  if (f.number() !== 1) throw new Error("config of another version");
  const out = { lineage: f.bytes(16), replica: f.bytes(16), generation: f.number() };
  f.number();
  mayRead(f.value());
  f.extensions();
  return out;
}

export interface Unit {
  readonly root: Buffer;
  readonly hints: Buffer | null;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
}

export interface Section {
  readonly paths: Buffer[];
  readonly rules: [number, Buffer, string][];
  readonly units: Unit[];
  readonly troubles: number;
}

export function section(content: Buffer): Section {
  const f = new Row(unpack(content), 9);
  f.text();
  const paths = f.list().map((p) => new Row([p], 1).bytes());
  for (const tag of f.list()) new Row([tag], 1).text();
  const rules = f.list().map((r): [number, Buffer, string] => {
    const row = new Row(r, 3);
    return [row.number(), row.bytes(), row.text()];
  });
  const units = f.list().map(unit);
  for (const owner of [...f.list(), ...f.list()]) {
    const row = new Row(owner, 2);
    row.number(2 ** 32 - 1);
    row.text();
  }
  const troubles = f.list().map((t) => {
    const row = new Row(t, 2);
    return [row.bytes(), row.text()];
  });
  f.extensions();
  return { paths, rules, units, troubles: troubles.length };
}

function unit(value: Value): Unit {
  const f = new Row(value, 13);
  f.text();
  const kind = f.number();
  if (kind < 1 || kind > 6) throw new Error("unknown class");
  for (let i = 0; i < 3; i++) f.text();
  const levels = new Row(f.value(), 2);
  levels.number(4);
  levels.number(2);
  const cut = new Row(f.value(), 4);
  for (let i = 0; i < 4; i++) cut.maybe(() => cut.integer());
  const root = f.bytes(32);
  const hints = f.maybe(() => f.bytes(32));
  const out = { root, hints, entries: f.number(), files: f.number(), bytes: f.number() };
  f.extensions();
  return out;
}

export interface Snapshot {
  readonly id: string;
  readonly time: number;
  readonly sequence: number;
  readonly claim: Buffer;
  readonly sections: Section[];
  /** Sections that do not open. */
  readonly closed: number;
}

export function snapshot(ring: Ring, content: Buffer): Snapshot {
  const f = new Row(unpack(content), 13);
  const id = f.bytes(16).toString("hex");
  f.text();
  f.text();
  const time = f.number();
  f.bytes(16);
  const sequence = f.number();
  for (const head of f.list()) new Row([head], 1).bytes(16);
  const claim = f.bytes(16);
  f.maybe(() => f.bytes(16));
  f.text();
  mayRead(f.value());
  const sections: Section[] = [];
  let closed = 0;
  for (const item of f.list()) {
    const row = new Row(item, 2);
    const stored: Stored = { name: row.text(), bytes: row.bytes() };
    try {
      sections.push(section(openRecord(ring, "section", stored)));
    } catch {
      closed++;
    }
  }
  f.extensions();
  if (sections.length === 0) throw new Error("no section opens");
  return { id, time, sequence, claim, sections, closed };
}

/** The id that a record's name ends with. */
const named = ({ name }: Stored) => name.slice(-32);

function ofClaim(id: Buffer, stored: Stored): string {
  const text = id.toString("hex");
  if (text !== named(stored)) throw new Error("speaks of another claim than its name");
  return text;
}

/** The id of a claim, an end, an intent, a withdrawn mark or a fence; `type` says which. */
export function claimRecord(ring: Ring, type: string, stored: Stored): string {
  const content = openRecord(ring, type, stored);
  const fields: Record<string, number> = { claim: 5, end: 2, intent: 3, withdrawn: 3, fence: 3 };
  const f = new Row(unpack(content), fields[type] ?? 0);
  const id = ofClaim(f.bytes(16), stored);
  if (type === "claim") {
    f.bytes(16);
    f.text();
    f.number();
  }
  if (type === "intent" || type === "withdrawn") f.bytes(16);
  f.extensions();
  if (type === "fence") tag(ring, type, stored, content, f);
  return id;
}

function tag(ring: Ring, type: string, stored: Stored, content: Buffer, f: Row): void {
  f.bytes(32);
  if (!tagIsOf(ring, type, stored, content)) throw new Error("tag of another key");
}

const name = (bytes: Buffer) =>
  `${bytes.subarray(0, 32).toString("hex")}-${bytes.subarray(32).toString("hex")}`;

/** The name of the forgotten snapshot's object. */
export function tombstone(ring: Ring, stored: Stored): string {
  const content = openRecord(ring, "tombstone", stored);
  const f = new Row(unpack(content), 3);
  const found = name(f.bytes(48));
  f.extensions();
  tag(ring, "tombstone", stored, content, f);
  return found;
}

/** Names of packs, of snapshots marked and of snapshots honoured. */
export function condemned(ring: Ring, stored: Stored): string[][] {
  const content = openRecord(ring, "condemned", stored);
  const f = new Row(unpack(content), 5);
  const lists = [f.list(), f.list(), f.list()].map((list) => {
    const found = list.map((n) => name(new Row([n], 1).bytes(48)));
    if (found.some((n, i) => i > 0 && n <= (found[i - 1] ?? ""))) throw new Error("out of order");
    return found;
  });
  f.extensions();
  tag(ring, "condemned", stored, content, f);
  return lists;
}
