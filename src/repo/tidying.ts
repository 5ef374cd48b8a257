/** What a prune clears away beside packs: claims that have ended, and what killed puts left. */
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import { FOLDERS, objectPath, uploadId } from "./layout.ts";
import { ofType } from "./protocol/records.ts";
import { discards, type Remnant } from "./protocol/remnant.ts";
import { nextOfRetire, type Retire, retireAfter, START_RETIRE } from "./protocol/retire.ts";
import { believed, claimsOf, fencedFinally, type Read } from "./records.ts";
import { removeObject } from "./removal.ts";
import type { Repository } from "./repository.ts";

const UNDER_WAY = 8;

/** Removes claims that have ended, each before its end; how many. */
export async function retire(repository: Repository): Promise<number> {
  const reads = await repository.records.list("claim");
  const { ended } = retireAfter(START_RETIRE, { did: "list", found: claimsOf(reads) });
  await mapBounded(ended, UNDER_WAY, (claim) => retireOne(repository, reads, claim));
  return ended.length;
}

async function retireOne(
  repository: Repository,
  reads: readonly Read[],
  claim: string,
): Promise<void> {
  let state: Retire = { listed: true, ended: [claim], claimGone: false };
  for (;;) {
    const action = nextOfRetire(state);
    if (action.do !== "retire") return;
    const { type } = action.record;
    for (const { name, id, record } of reads) {
      if (id !== claim || record?.type !== type) continue;
      await removeObject(repository.store, action, objectPath("claim", name));
    }
    state = retireAfter(state, { did: "remove" });
  }
}

/** Only what is put under a claim or for a list; a claim's own put has neither yet. */
const FOLDERS_OF_WRITERS = ["pack", "index", "snapshot"] as const;

/** Removes what killed puts left; how many. */
export async function discardRemnants(repository: Repository): Promise<number> {
  const { store, records } = repository;
  if (store.remnants === undefined) return 0;
  const seen: Remnant[] = [];
  for (const kind of FOLDERS_OF_WRITERS) {
    for await (const remnant of store.remnants(FOLDERS[kind])) seen.push(remnant);
  }
  if (seen.length === 0) return 0;
  const claims = claimsOf(await records.list("claim"));
  const fences = believed(await records.list("fence"));
  const lists = await records.list("condemned");
  const gone = discards(
    seen,
    { did: "list", found: claims },
    { did: "list", found: fences },
    lists.map(({ name }) => uploadId(name)),
  );
  await mapBounded(gone, UNDER_WAY, (action) => removeObject(store, action, action.name));
  return gone.length;
}

/**
 * Whether the writer of a claim is waited for: its claim is younger than this, in milliseconds. One
 * that cannot be read, or that is dated ahead, may be of any age: old.
 */
export function isYoung(
  { clock }: Runtime,
  { records }: Repository,
  claim: string,
  fenceAfter: number,
): boolean {
  const facts = records.factsOf(claim);
  return facts !== undefined && Math.abs(clock.now() - facts.time) < fenceAfter;
}

/** Ids of claims that are neither ended nor finally fenced. */
export async function openClaims(repository: Repository): Promise<string[]> {
  const claims = claimsOf(await repository.records.list("claim"));
  const over = fencedFinally(await repository.records.list("fence"));
  for (const { claim } of ofType(claims, "end")) over.add(claim);
  return ofType(claims, "claim")
    .map((c) => c.claim)
    .filter((claim) => !over.has(claim));
}
