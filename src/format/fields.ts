/** Typed reading of a record's fixed-order fields; everything of another shape is refused. */
import { Failure } from "../base/failure.ts";
import { decode, type Value } from "./canonical.ts";

export class Fields {
  private readonly values: Value[];
  private readonly what: string;
  private at = 0;

  private constructor(values: Value[], what: string) {
    this.values = values;
    this.what = what;
  }

  static of(value: Value | Buffer, what: string, count: number): Fields {
    const array = Buffer.isBuffer(value) ? decode(value) : value;
    if (!Array.isArray(array) || array.length !== count) {
      throw new Failure("damaged", `${what} does not have ${count} fields`);
    }
    return new Fields(array, what);
  }

  private next<T>(kind: string, is: (v: Value) => v is T & Value): T {
    const value = this.values[this.at++];
    if (value === undefined || !is(value)) {
      throw new Failure("damaged", `${this.what}: field ${this.at} is no ${kind}`);
    }
    return value;
  }

  text = () => this.next("text", (v): v is string => typeof v === "string");
  int = () => this.next("number", (v): v is number => typeof v === "number");
  list = () => this.next("list", (v): v is Value[] => Array.isArray(v));
  raw = () => this.next("value", (v): v is Value => v !== undefined);

  bytes(length?: number): Buffer {
    const value = this.next("bytes", (v): v is Buffer => Buffer.isBuffer(v));
    if (length !== undefined && value.length !== length) {
      throw new Failure(
        "damaged",
        `${this.what}: field ${this.at} has ${value.length} bytes, not ${length}`,
      );
    }
    return value;
  }

  maybeBytes(length: number): Buffer | null {
    if (this.values[this.at] !== null) return this.bytes(length);
    this.at++;
    return null;
  }

  maybeInt(): number | null {
    if (this.values[this.at] !== null) return this.int();
    this.at++;
    return null;
  }

  /** The trailing extension list, ids ascending: what is critical and unknown is refused. */
  extensions(known: readonly number[] = []): Map<number, Buffer> {
    const found = new Map<number, Buffer>();
    let last = -1;
    for (const item of this.list()) {
      const extension = Fields.of(item, `${this.what} extension`, 3);
      const [id, critical, content] = [extension.int(), extension.int(), extension.bytes()];
      if (id <= last || (critical !== 0 && critical !== 1)) {
        throw new Failure("damaged", `${this.what}: extensions are out of order or malformed`);
      }
      last = id;
      found.set(id, content);
      if (critical === 1 && !known.includes(id)) {
        throw new Failure(
          "newer_format",
          `${this.what} needs extension ${id}, which this holdall does not know`,
        );
      }
    }
    return found;
  }
}
