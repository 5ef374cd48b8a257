/**
 * Packs copied whole between repositories of one lineage, under new names: each is compared with
 * its name before it goes, and indexed only when it is durable.
 */
import type { Body } from "../../base/body.ts";
import { toFailure } from "../../base/failure.ts";
import { mapBounded } from "../../base/map_bounded.ts";
import type { Runtime } from "../../base/runtime.ts";
import type { Contents } from "../../seam/native.ts";
import { Spool } from "../../seam/spool.ts";
import { checkName, objectPath, uploadedAs } from "../layout.ts";
import { ofObject } from "../objects.ts";
import { spoolFolder } from "../packing.ts";
import type { Repository } from "../repository.ts";
import { type Need, RUN_PACKS } from "./plan.ts";

/** Packs under way at once. */
const TOGETHER = 4;
/** Bytes of a pack that are in memory at once. */
const AT_ONCE = 16 << 20;

/** A pack of the source that is copied as it is. */
export type WholePack = Pick<Need, "pack" | "length">;

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

/** Copies packs; gives the names of those that are there now. */
export async function copyPacks(copy: PackCopy, packs: readonly WholePack[]): Promise<string[]> {
  const copied: string[] = [];
  for (let at = 0; at < packs.length; at += RUN_PACKS) {
    const part = packs.slice(at, at + RUN_PACKS);
    const made = await mapBounded(part, TOGETHER, (pack) => copyPack(copy, pack));
    const whole = made.filter((contents) => contents !== null);
    await copy.to.putRuns(whole, copy.claim);
    await copy.look();
    copied.push(...part.filter((_, i) => made[i] !== null).map(({ pack }) => pack));
  }
  return copied;
}

/** Its contents under the new name; null when it is damaged. */
async function copyPack(copy: PackCopy, whole: WholePack): Promise<Contents | null> {
  const { pack, length } = whole;
  if (length <= AT_ONCE) return passOn(copy, pack, () => copy.from.get(objectPath("pack", pack)));
  using spool = new Spool(spoolFolder(copy.to.cache));
  // Awaited here: the spool goes when this returns.
  return await passOn(copy, pack, () => takeIn(copy, whole, spool));
}

async function passOn(
  copy: PackCopy,
  pack: string,
  fetch: () => Promise<Body>,
): Promise<Contents | null> {
  const { runtime, to, claim } = copy;
  let bytes: Body;
  try {
    runtime.signal.throwIfAborted();
    bytes = await fetch();
  } catch (error) {
    copy.onDamaged(pack, ofObject(error).message);
    return null;
  }
  // Names are never used twice: a pack that was condemned here once must not come back as itself.
  const name = uploadedAs(pack, runtime.random(16));
  const contents = await to.contentsOf({ name, bytes });
  if (contents === null) {
    copy.onDamaged(pack, `pack ${pack} does not open`);
    return null;
  }
  await to.putSealed("pack", { name, bytes }, claim);
  copy.onCopied(bytes.length);
  return contents;
}

/** A large pack, read into a spool and compared with its name. */
async function takeIn(
  { runtime, from }: PackCopy,
  { pack, length: all }: WholePack,
  spool: Spool,
): Promise<Body> {
  const path = objectPath("pack", pack);
  const once = async () => {
    for (let offset = 0; offset < all; offset += AT_ONCE) {
      const length = Math.min(AT_ONCE, all - offset);
      spool.append(await from.store.get(path, { offset, length }, runtime.signal));
    }
    checkName(spool.hash, path);
    return spool.body;
  };
  try {
    return await once();
  } catch (error) {
    // What was changed on the way is read once more.
    if (toFailure(error).code !== "damaged") throw error;
    spool.restart();
    return once();
  }
}
