/** Contents of config, snapshot, section, claim and end. */
import { Row, unpack, type Value } from "./encoding.ts";
import { openRecord, type Ring, type Stored } from "./object.ts";

export interface Config {
  readonly lineage: Buffer;
  readonly replica: Buffer;
  readonly generation: number;
}

const DRAFTS = ["draft-claims-1"];

function flags(value: Value): string[][] {
  const row = new Row(value, 4);
  const texts = () => row.list().map((flag) => new Row([flag], 1).text());
  return [texts(), texts(), texts(), texts()];
}

/** A reader refuses only what reading needs. */
function mayRead(value: Value): void {
  const [read = []] = flags(value);
  const unknown = read.filter((flag) => !DRAFTS.includes(flag));
  if (unknown.length > 0) throw new Error(`needs ${unknown}`);
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
  f.number();
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
  return { id, time, claim, sections, closed };
}

export function claim(content: Buffer): string {
  const f = new Row(unpack(content), 5);
  const id = f.bytes(16).toString("hex");
  f.bytes(16);
  f.text();
  f.number();
  f.extensions();
  return id;
}

export function end(content: Buffer): string {
  const f = new Row(unpack(content), 2);
  const id = f.bytes(16).toString("hex");
  f.extensions();
  return id;
}
