/**
 * Packs copied whole between repositories of one lineage, under new names: each is compared with
 * its name before it goes, and indexed only when it is durable.
 */
import { mapBounded } from "../../base/map_bounded.ts";
import type { Runtime } from "../../base/runtime.ts";
import type { Contents } from "../../seam/native.ts";
import { objectPath, uploadedAs } from "../layout.ts";
import { ofObject } from "../objects.ts";
import type { Repository } from "../repository.ts";
import { RUN_PACKS } from "./plan.ts";

/** Packs under way at once. */
const TOGETHER = 4;

export interface PackCopy {
  readonly runtime: Runtime;
  readonly from: Repository;
  readonly to: Repository;
  readonly claim: Buffer;
  /** Fails when somebody did not wait for this writer. */
  look(): Promise<void>;
  /** Called for each pack that is durable, with its bytes. */
  onCopied(bytes: number): void;
  /** A pack that cannot be copied as it is; its chunks may still be, one by one. */
  onDamaged(pack: string, reason: string): void;
}

/** Copies packs; gives those that are there now. */
export async function copyPacks(copy: PackCopy, packs: readonly string[]): Promise<string[]> {
  const copied: string[] = [];
  for (let at = 0; at < packs.length; at += RUN_PACKS) {
    const part = packs.slice(at, at + RUN_PACKS);
    const made = await mapBounded(part, TOGETHER, (pack) => copyPack(copy, pack));
    const whole = made.filter((contents) => contents !== null);
    await copy.to.putRuns(whole, copy.claim);
    await copy.look();
    copied.push(...part.filter((_, i) => made[i] !== null));
  }
  return copied;
}

/** Its contents under the new name; null when it is damaged. */
async function copyPack(copy: PackCopy, pack: string): Promise<Contents | null> {
  const { runtime, from, to, claim } = copy;
  let bytes: Buffer;
  try {
    runtime.signal.throwIfAborted();
    bytes = await from.get(objectPath("pack", pack));
  } catch (error) {
    copy.onDamaged(pack, ofObject(error).message);
    return null;
  }
  // Names are never used twice: a pack that was condemned here once must not come back as itself.
  const name = uploadedAs(pack, runtime.random(16));
  const contents = await to.contentsOf(name, bytes);
  if (contents === null) {
    copy.onDamaged(pack, `pack ${pack} does not open`);
    return null;
  }
  await to.putSealed("pack", { name, bytes }, claim);
  copy.onCopied(bytes.length);
  return contents;
}
