/**
 * TOML with the line of everything: tables that hand out their fields by type, and refuse what is
 * left over. Every failure is `descriptor` and begins with `file:line:`.
 */
import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { Failure } from "../base/failure.ts";

/** A fault of a descriptor, at its place. */
export function fault(file: string, line: number, message: string): Failure {
  return new Failure("descriptor", `${file}:${line}: ${message}`);
}

type Scalar = string | number | boolean;

interface Field {
  readonly line: number;
  readonly value: Scalar | Table | Field[];
}

const TYPE = { string: "a text", number: "a whole number", boolean: "true or false" } as const;

/** One table: each field is taken once, under the type that is wanted. */
export class Table {
  readonly file: string;
  readonly line: number;
  /** What it is, for messages: `[[state]]`. */
  readonly what: string;
  private readonly fields = new Map<string, Field>();
  private readonly taken = new Set<string>();

  constructor(file: string, line: number, what: string) {
    this.file = file;
    this.line = line;
    this.what = what;
  }

  /** Puts a value where a dotted key leads. */
  put(keys: readonly string[], line: number, value: (at: Table) => Field["value"]): void {
    const [first = "", ...rest] = keys;
    if (rest.length > 0) {
      this.inner(first, line).put(rest, line, value);
      return;
    }
    if (this.fields.has(first)) throw fault(this.file, line, `${first} is given twice`);
    this.fields.set(first, { line, value: value(this) });
  }

  /** The table of this name, made where there is none; the last one of an array of tables. */
  inner(name: string, line: number): Table {
    const found = this.fields.get(name)?.value;
    const last = Array.isArray(found) ? found.at(-1)?.value : found;
    if (last instanceof Table) return last;
    if (found !== undefined) throw fault(this.file, line, `${name} is no table`);
    const made = new Table(this.file, line, name);
    this.fields.set(name, { line, value: made });
    return made;
  }

  /** One more element of an array of tables. */
  append(name: string, line: number): Table {
    const made = new Table(this.file, line, `[[${name}]]`);
    const found = this.fields.get(name);
    if (found === undefined) this.fields.set(name, { line, value: [{ line, value: made }] });
    else if (Array.isArray(found.value)) found.value.push({ line, value: made });
    else throw fault(this.file, line, `${name} is no array of tables`);
    return made;
  }

  has(name: string): boolean {
    return this.fields.has(name);
  }

  /** The line of a field; of the table where it has none. */
  lineOf(name: string): number {
    return this.fields.get(name)?.line ?? this.line;
  }

  /** A fault of one of its fields. */
  fault(name: string, message: string): Failure {
    return fault(this.file, this.lineOf(name), message);
  }

  text(name: string): string | undefined;
  text(name: string, fallback: string): string;
  text(name: string, fallback?: string): string | undefined {
    return this.scalar(name, "string") ?? fallback;
  }

  /** A text that must be there and not be empty. */
  needed(name: string): string {
    const text = this.text(name);
    if (text === undefined) throw fault(this.file, this.line, `${this.what} lacks ${name}`);
    if (text === "") throw this.fault(name, `${name} is empty`);
    return text;
  }

  /** A whole number, zero or more. */
  count(name: string): number | undefined {
    const value = this.scalar(name, "number");
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
    throw this.fault(name, `${name} must be a whole number, 0 or more`);
  }

  flag(name: string): boolean {
    return this.scalar(name, "boolean") ?? false;
  }

  word<T extends string>(name: string, words: readonly T[]): T | undefined {
    const text = this.text(name);
    const found = words.find((word) => word === text);
    if (text === undefined || found !== undefined) return found;
    throw this.fault(name, `${name} is ${JSON.stringify(text)}, not one of: ${words.join(" ")}`);
  }

  texts(name: string): string[] | undefined {
    return this.list(name, "texts", ({ value }) => (typeof value === "string" ? value : undefined));
  }

  /** Whole numbers, zero or more. */
  counts(name: string): number[] | undefined {
    return this.list(name, "whole numbers", ({ value }) =>
      Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined,
    );
  }

  tables(name: string): Table[] {
    const read = ({ value }: Field) => (value instanceof Table ? value : undefined);
    return this.list(name, "tables", read) ?? [];
  }

  table(name: string): Table | undefined {
    const value = this.take(name)?.value;
    if (value === undefined || value instanceof Table) return value;
    throw this.fault(name, `${name} must be a table`);
  }

  /** Whether a field is an array, of an argument list for instance. */
  isList(name: string): boolean {
    return Array.isArray(this.fields.get(name)?.value);
  }

  /** Whether a field is a text. */
  isText(name: string): boolean {
    return typeof this.fields.get(name)?.value === "string";
  }

  /** All fields by name, each a text. */
  entries(): [string, string][] {
    return [...this.fields.keys()].map((name) => [name, this.needed(name)]);
  }

  /** Everything below as plain values, for what is JSON. */
  plain(): unknown {
    return Object.fromEntries([...this.fields].map(([name, field]) => [name, this.bare(field)]));
  }

  /** One field as plain values. */
  any(name: string): unknown {
    const field = this.take(name);
    return field === undefined ? undefined : this.bare(field);
  }

  private bare({ value }: Field): unknown {
    if (Array.isArray(value)) return value.map((field) => this.bare(field));
    return value instanceof Table ? value.plain() : value;
  }

  /** Refuses what nobody took: a misspelt field must not be silence. */
  done(): void {
    for (const [name, { line }] of this.fields) {
      if (this.taken.has(name)) continue;
      throw fault(this.file, line, `${this.what} has no field ${JSON.stringify(name)}`);
    }
  }

  private take(name: string): Field | undefined {
    this.taken.add(name);
    return this.fields.get(name);
  }

  private scalar<K extends keyof typeof TYPE>(name: string, type: K) {
    const field = this.take(name);
    if (field === undefined) return undefined;
    if (typeof field.value !== type) throw this.fault(name, `${name} must be ${TYPE[type]}`);
    return field.value as { string: string; number: number; boolean: boolean }[K];
  }

  private list<T>(name: string, of: string, read: (field: Field) => T | undefined) {
    const field = this.take(name);
    if (field === undefined) return undefined;
    if (!Array.isArray(field.value)) throw this.fault(name, `${name} must be an array of ${of}`);
    return field.value.map((element) => {
      const value = read(element);
      if (value === undefined) throw fault(this.file, element.line, `${name} must hold ${of} only`);
      return value;
    });
  }
}

const names = (key: AST.TOMLKey) =>
  key.keys.map((part) => (part.type === "TOMLBare" ? part.name : part.value));

function valueFrom(node: AST.TOMLContentNode, name: string, at: Table): Field["value"] {
  const { line } = node.loc.start;
  if (node.type === "TOMLArray") {
    return node.elements.map((element) => ({
      line: element.loc.start.line,
      value: valueFrom(element, name, at),
    }));
  }
  if (node.type === "TOMLInlineTable") {
    const table = new Table(at.file, line, name);
    fill(table, node.body);
    return table;
  }
  if (node.value instanceof Date) throw fault(at.file, line, `${name} cannot be a date`);
  return node.value;
}

function fill(table: Table, body: readonly AST.TOMLKeyValue[]): void {
  for (const { key, value } of body) {
    const path = names(key);
    table.put(path, key.loc.start.line, (at) => valueFrom(value, path.at(-1) ?? "", at));
  }
}

/** Reads a document; `file` is its name in messages. */
export function readToml(file: string, text: string): Table {
  const root = new Table(file, 1, file);
  for (const node of parsed(file, text)) {
    if (node.type === "TOMLKeyValue") {
      fill(root, [node]);
      continue;
    }
    const path = names(node.key);
    const { line } = node.loc.start;
    const above = path.slice(0, -1).reduce((table, name) => table.inner(name, line), root);
    const last = path.at(-1) ?? "";
    fill(node.kind === "array" ? above.append(last, line) : above.inner(last, line), node.body);
  }
  return root;
}

function parsed(file: string, text: string): AST.TOMLTopLevelTable["body"] {
  try {
    return parseTOML(text, { tomlVersion: "1.1" }).body[0].body;
  } catch (error) {
    if (error instanceof ParseError) throw fault(file, error.lineNumber, error.message);
    throw error;
  }
}
