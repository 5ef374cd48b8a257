/** FORMAT.md's tables: the oracle takes its offsets, types and limits from the page itself. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const TEXT = readFileSync(join(import.meta.dirname, "../../FORMAT.md"), "utf8");

export interface Table {
  readonly head: string[];
  readonly rows: string[][];
}

function cells(line: string): string[] {
  const bare = line.trim().slice(1, -1);
  return bare.split(/(?<!\\)\|/).map((c) => c.trim().replaceAll("\\|", "|"));
}

export const TABLES: Table[] = [...TEXT.matchAll(/^\|.*\n\|[-|]+\|\n(?:\|.*\n)*/gm)].map((m) => {
  const [head = "", , ...rows] = m[0].trimEnd().split("\n");
  return { head: cells(head), rows: rows.map(cells) };
});

/** The table whose head begins with these words. */
export function table(...head: string[]): Table {
  const found = TABLES.filter((t) => head.every((word, i) => t.head[i] === word));
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${found.length} tables ${head}`);
  return only;
}

export interface Slice {
  readonly offset: number;
  readonly size: number;
}

/** A table of offsets; a field's name ends before a colon, a comma or a parenthesis. */
export class Layout {
  readonly size: number;
  private readonly fields = new Map<string, Slice>();

  constructor(name: string) {
    let next = 0;
    for (const [offset, size, field = ""] of table("offset", "size", name).rows) {
      const slice = { offset: Number(offset), size: Number(size) };
      if (slice.offset !== next) throw new Error(`${name}: ${field} does not follow on`);
      next += slice.size;
      this.fields.set((/^[\w ]+/.exec(field)?.[0] ?? field).trim(), slice);
    }
    this.size = next;
  }

  slice(field: string): Slice {
    const found = this.fields.get(field);
    if (found === undefined) throw new Error(`no field ${field}`);
    return found;
  }

  bytes(data: Buffer, field: string, base = 0): Buffer {
    const { offset, size } = this.slice(field);
    return data.subarray(base + offset, base + offset + size);
  }

  number(data: Buffer, field: string, base = 0): number {
    const { offset, size } = this.slice(field);
    return data.readUIntLE(base + offset, size);
  }
}

export const LIMITS = new Map(table("limit", "value").rows.map(([n = "", v]) => [n, Number(v)]));

export function limit(name: string): number {
  const found = LIMITS.get(name);
  if (found === undefined) throw new Error(`no limit ${name}`);
  return found;
}

export const TYPES = new Map(
  table("folder", "holds", "type", "number").rows.map(([, , t = "", n]) => [t, Number(n)]),
);
