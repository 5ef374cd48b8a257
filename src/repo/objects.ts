/** Listing and getting stored objects; one whose bytes are not what its name says is refused. */
import { type Failure, type FailureCode, toFailure } from "../base/failure.ts";
import { native } from "../seam/native.ts";
import type { Listed, Store } from "../store/store.ts";
import { bareName, checkName, FOLDERS, type Kind } from "./layout.ts";

export async function listAll(store: Store, kind: Kind): Promise<Listed[]> {
  const found: Listed[] = [];
  for await (const object of store.list(FOLDERS[kind])) {
    if (bareName(object.name) !== null) found.push(object);
  }
  return found;
}

/** What was changed on the way is read once more: without a key a run would fail late. */
export async function getChecked(store: Store, path: string): Promise<Buffer> {
  try {
    return checked(await store.get(path), path);
  } catch (error) {
    if (toFailure(error).code !== "damaged") throw error;
    return checked(await store.get(path), path);
  }
}

function checked(bytes: Buffer, path: string): Buffer {
  checkName(native.contentHash(bytes), path);
  return bytes;
}

/** Codes that speak of one object; every other speaks of the store, or of the run itself. */
const OBJECT: readonly FailureCode[] = [
  "damaged",
  "object_missing",
  "missing_object",
  "newer_format",
  "kdf_too_expensive",
  "invalid",
];

/** The failure of one object, which stops nothing else; throws what is more than that. */
export function ofObject(error: unknown): Failure {
  const failure = toFailure(error);
  if (!OBJECT.includes(failure.code)) throw failure;
  return failure;
}

/** What a reader finds gone may lie elsewhere by now: a prune copies before it removes. */
export function isMiss(said: Failure | string): boolean {
  if (typeof said !== "string") {
    return said.code === "object_missing" || said.code === "missing_object";
  }
  return /no such (object|file)| is missing$|is in no pack that exists$/.test(said);
}

/** What a killed init left is whole, but sealed under a root that nobody has: it means nothing. */
export const stray = (failure: Failure): boolean => failure.code === "missing_object";
