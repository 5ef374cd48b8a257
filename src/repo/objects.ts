/** Listing and getting stored objects; one whose bytes are not what its name says is refused. */
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

export async function getChecked(store: Store, path: string): Promise<Buffer> {
  const bytes = await store.get(path);
  checkName(native.contentHash(bytes), path);
  return bytes;
}
