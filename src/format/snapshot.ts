/** The snapshot record: one point in time, and all that is needed to restore it. */
import { Failure, toFailure } from "../base/failure.ts";
import { encode } from "./canonical.ts";
import { Fields } from "./fields.ts";
import { allow, decodeFlags, encodeFlags, type Flags } from "./flags.ts";
import { decodeSection, encodeSection, type Section } from "./section.ts";

export type { Section, Unit } from "./section.ts";

export interface Snapshot {
  /** Stable id, 16 bytes, apart from the object's name. */
  readonly id: Buffer;
  /** Name of the instance; empty for plain folders. */
  readonly instance: string;
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
  /** What a tool must know to read this snapshot, or to change the repository that holds it. */
  readonly flags: Flags;
  /** The first section that opens. */
  readonly section: Section;
  /** Further sections that open, each of another context. */
  readonly more: Section[];
  /** Why each other section does not open; restoring what is here restores less than all. */
  readonly closed: string[];
}

/** `sealSection` turns a section's bytes into the nested sealed object and its name. */
export function encodeSnapshot(
  s: Snapshot,
  sealSection: (bytes: Buffer) => { name: string; bytes: Buffer },
): Buffer {
  const sections = [s.section, ...s.more].map((section) => sealSection(encodeSection(section)));
  return encode([
    s.id,
    s.instance,
    s.host,
    s.time,
    s.writer,
    s.sequence,
    s.heads,
    s.claim,
    s.parent,
    s.tool,
    encodeFlags(s.flags),
    sections.map((sealed) => [sealed.name, sealed.bytes]),
    [],
  ]);
}

export function decodeSnapshot(
  bytes: Buffer,
  openSection: (name: string, bytes: Buffer) => Buffer,
): Snapshot {
  const f = Fields.of(bytes, "snapshot", 13);
  const head = {
    id: f.bytes(16),
    instance: f.text(),
    host: f.text(),
    time: f.int(),
    writer: f.bytes(16),
    sequence: f.int(),
    heads: f.list().map((h) => Fields.of([h], "head", 1).bytes(16)),
    claim: f.bytes(16),
    parent: f.maybeBytes(16),
    tool: f.text(),
    flags: decodeFlags(f.raw()),
  };
  allow("read", head.flags, "snapshot");
  const open: Section[] = [];
  const closed: string[] = [];
  for (const row of f.list()) {
    const sealed = Fields.of(row, "sealed section", 2);
    try {
      open.push(decodeSection(openSection(sealed.text(), sealed.bytes())));
    } catch (error) {
      closed.push(toFailure(error).message);
    }
  }
  f.extensions();
  const [section, ...more] = open;
  if (section === undefined) {
    throw new Failure("damaged", `none of its sections opens: ${closed[0] ?? "it has none"}`);
  }
  return { ...head, section, more, closed };
}
