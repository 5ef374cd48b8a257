/** How large packs are made, and where large ones wait until the store has them. */
import { tmpdir } from "node:os";
import { Failure } from "../base/failure.ts";
import { native } from "../seam/native.ts";
import type { Listed } from "../store/store.ts";
import type { Cache } from "./cache.ts";

const MIB = 1 << 20;

/** MiB that a pack can be told to be filled to. */
export const PACK_SIZES: readonly number[] = [16, 32, 64, 128];

export interface Packing {
  /** Stored bytes that the repository has: the more, the larger its next packs. */
  readonly stored: number;
  /** Bytes that every pack is filled to, whatever the repository has. */
  readonly fill?: number;
}

/** Of a repository with these packs; `size` is in MiB and overrules what they say. */
export function packing(packs: readonly Listed[], size?: number): Packing {
  if (size !== undefined && !PACK_SIZES.includes(size)) {
    throw new Failure("usage", `packs of ${size} MiB: give ${PACK_SIZES.join(", ")}`);
  }
  const stored = packs.reduce((sum, { length }) => sum + length, 0);
  return size === undefined ? { stored } : { stored, fill: size * MIB };
}

/** Bytes that the next pack will be filled to. */
export const nextFill = ({ stored, fill }: Packing): number => fill ?? native.packFill(stored);

/**
 * A folder for packs on their way, which are sealed: that of the cache, for it lies on a disk;
 * temporary files are often kept in memory, which spooling is to save.
 */
export const spoolFolder = (cache: Cache | null): Buffer => Buffer.from(cache?.folder ?? tmpdir());
