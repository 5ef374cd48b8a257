/** How many workers and pack buffers fit into a budget of memory. Pure; the core keeps to both. */
import { Failure } from "../base/failure.ts";

/** MiB of one pack buffer. */
const SLOT = 16;
/**
 * MiB of one worker: what it reads, gathers, compresses and opens again, and its zstd contexts. The
 * plaintext of a block is 4 MiB of data, or 1 MiB of one of three other kinds.
 */
const WORKER = 16;
/** MiB of opened blocks kept for the next page, and of all that is small. */
const SHARED = 12;
/** A pack of data and one of metadata are filled while a third is sent. */
const LEAST_SLOTS = 3;

/** The smallest budget: one worker. */
export const LEAST_MEMORY = LEAST_SLOTS * SLOT + WORKER + SHARED;

export interface Budget {
  readonly workers: number;
  readonly slots: number;
}

/** What fits into `memory` MiB; without it, all workers and a slot for each. */
export function budget(workers: number, memory?: number): Budget {
  if (memory === undefined) return { workers, slots: Math.max(LEAST_SLOTS, workers + 1) };
  if (memory < LEAST_MEMORY) {
    throw new Failure("usage", `${memory} MiB are too little: ${LEAST_MEMORY} are needed`);
  }
  const room = memory - SHARED - LEAST_SLOTS * SLOT;
  const fitting = Math.min(workers, Math.floor(room / WORKER));
  const spare = Math.floor((room - fitting * WORKER) / SLOT);
  // More slots than twice the workers are never full at once.
  const slots = LEAST_SLOTS + Math.min(spare, 2 * fitting);
  return { workers: fitting, slots };
}
