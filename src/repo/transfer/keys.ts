/**
 * Key objects of one lineage, copied as they are: they are bound to the lineage, so a replica holds
 * the very same objects.
 */
import { hex } from "../../base/bytes.ts";
import { Failure } from "../../base/failure.ts";
import { mapBounded } from "../../base/map_bounded.ts";
import { native } from "../../seam/native.ts";
import { bareName } from "../layout.ts";
import { ofObject, stray } from "../objects.ts";
import type { Repository } from "../repository.ts";
import { isRetired } from "../unlock.ts";

/** An object to be put under the name that it has elsewhere. */
export interface Copied {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The source's domain, epoch and role keys that are not among `there`. */
export async function lackingKeys(from: Repository, there: ReadonlySet<string>): Promise<Copied[]> {
  const all = await from.list("key");
  const lacking = all.filter(({ name }) => !there.has(bareName(name) ?? ""));
  const found = await mapBounded(lacking, 8, async ({ name: path }) => {
    const [name, bytes] = [bareName(path) ?? "", await from.get(path)];
    try {
      from.keyring.load(name, bytes);
    } catch (error) {
      // What a killed init left is nobody's.
      if (stray(ofObject(error))) return null;
      throw error;
    }
    return { name, bytes };
  });
  return found.filter((copied) => copied !== null);
}

/** The source's key slots that are still accepted; the one in use comes first. */
export async function acceptedSlots(from: Repository): Promise<Copied[]> {
  const all = (await from.list("slot")).map(({ name }) => name);
  const accepted = all.filter((path) => !isRetired(from.config, path));
  const order = [from.slot, ...accepted.filter((path) => path !== from.slot)];
  const found = await mapBounded(order, 8, async (path) => {
    try {
      const bytes = await from.get(path);
      const own = native.readSlot(bytes).fingerprint === from.keyring.fingerprint;
      return own ? { name: bareName(path) ?? "", bytes } : null;
    } catch (error) {
      ofObject(error);
      return null;
    }
  });
  return found.filter((copied) => copied !== null);
}

/** How two repositories are related; refuses to copy one onto itself. */
export function kinOf(from: Repository, to: Repository): boolean {
  const same = (a: Buffer, b: Buffer) => hex(a) === hex(b);
  if (from.keyring.fingerprint !== to.keyring.fingerprint) return false;
  if (!same(from.keyring.lineage, to.keyring.lineage)) return false;
  if (same(from.keyring.replica, to.keyring.replica)) {
    throw new Failure("invalid", `${from.store.description} and ${to.store.description} are one`);
  }
  return true;
}
