/** Condemned lists and tombstones. Names of objects are 48 bytes: hash and upload id. */
import { hex, unhex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import { UNTAGGED } from "./authority.ts";
import { encode } from "./canonical.ts";
import { Fields } from "./fields.ts";

const HASH = 32;
const NAME = 48;

export interface Condemned {
  /** Bare names, ascending, each once. */
  readonly packs: readonly string[];
  /** Snapshots that were there and counted. */
  readonly marked: readonly string[];
  /** Snapshots that do not count in the sweep of this list. */
  readonly honoured: readonly string[];
}

function nameBytes(name: string): Buffer {
  return unhex(name.replace("-", ""));
}

function nameText(bytes: Buffer): string {
  return `${hex(bytes.subarray(0, HASH))}-${hex(bytes.subarray(HASH))}`;
}

/** Its tag is still to be put in. */
export function encodeCondemned({ packs, marked, honoured }: Condemned): Buffer {
  const lists = [packs, marked, honoured].map((names) => [...names].sort().map(nameBytes));
  return encode([...lists, [], UNTAGGED]);
}

export function decodeCondemned(bytes: Buffer): Condemned {
  const f = Fields.of(bytes, "condemned list", 5);
  const condemned = { packs: names(f), marked: names(f), honoured: names(f) };
  f.extensions();
  f.bytes(UNTAGGED.length);
  return condemned;
}

function names(f: Fields): string[] {
  const found = f.list().map((n) => nameText(Fields.of([n], "name", 1).bytes(NAME)));
  if (found.some((name, i) => i > 0 && name <= (found[i - 1] ?? ""))) {
    throw new Failure("damaged", "condemned list: names are not in order, each once");
  }
  return found;
}

/** Its tag is still to be put in. The upload id is the snapshot's own id. */
export function encodeTombstone(snapshot: string): Buffer {
  return encode([nameBytes(snapshot), [], UNTAGGED]);
}

/** The bare name of the snapshot's object. */
export function decodeTombstone(bytes: Buffer): string {
  const f = Fields.of(bytes, "tombstone", 3);
  const name = nameText(f.bytes(NAME));
  f.extensions();
  f.bytes(UNTAGGED.length);
  return name;
}
