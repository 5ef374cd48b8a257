/**
 * Brings forgotten snapshots back, as long as no prune took them: a new record of the same content,
 * with what it needs copied out of packs that are to go.
 *
 * Commit point: the put of the new record, once its claim is then seen without a fence.
 */
import { hex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { bareName } from "../repo/layout.ts";
import type { Readable } from "../repo/log.ts";
import { mark } from "../repo/marking.ts";
import { packing } from "../repo/packing.ts";
import type { Repository } from "../repo/repository.ts";
import { unitsOf } from "../repo/units.ts";
import { type Attempt, write } from "../repo/writing.ts";

export interface UndeleteOptions {
  /** Ids of forgotten snapshots, or the beginnings of them; without them all are meant. */
  readonly snapshots?: readonly string[];
  /** Name of this machine, for the claim. */
  readonly host: string;
  readonly dryRun?: boolean;
}

export interface UndeleteResult {
  /** Ids, in hexadecimal. */
  readonly undeleted: readonly string[];
  /** Stored bytes that had to be copied. */
  readonly storedBytes: number;
  readonly dryRun: boolean;
}

const FETCHES = 8;
const SLOTS = 4;

/**
 * Brings forgotten snapshots back. Fails with `no_snapshot` when none of that id is forgotten and
 * there, `missing_object` when a prune took what it needs, `fenced`, and the codes of the store.
 */
export async function undelete(
  runtime: Runtime,
  repository: Repository,
  options: UndeleteOptions,
): Promise<UndeleteResult> {
  const all = await repository.snapshots();
  const chosen = options.snapshots?.map((text) => forgotten(all, text)) ?? allForgotten(all);
  const undeleted = [...new Set(chosen.map((s) => hex(s.id)))];
  const dryRun = options.dryRun ?? false;
  let storedBytes = 0;
  for (const id of dryRun ? [] : undeleted) {
    const snapshot = chosen.find((s) => hex(s.id) === id);
    if (snapshot === undefined) continue;
    await write(runtime, repository, options.host, async (attempt) => {
      storedBytes += await bring(repository, attempt, snapshot);
      return snapshot;
    });
  }
  return { undeleted, storedBytes, dryRun };
}

/** Forgotten, and not there beside that. */
function allForgotten({ logged, snapshots }: Readable): Snapshot[] {
  const here = new Set(snapshots.map((s) => hex(s.id)));
  return logged
    .filter((l) => l.forgotten && !l.fenced && !here.has(hex(l.snapshot.id)))
    .map((l) => l.snapshot);
}

function forgotten(all: Readable, text: string): Snapshot {
  const found = /^[0-9a-f]{4,32}$/.test(text)
    ? allForgotten(all).filter((s) => hex(s.id).startsWith(text))
    : [];
  const [first] = found;
  if (first === undefined) {
    throw new Failure("no_snapshot", `no snapshot ${text} is forgotten and still there`);
  }
  if (new Set(found.map((s) => hex(s.id))).size > 1) {
    throw new Failure("no_snapshot", `${text} is the beginning of several forgotten ids`);
  }
  return first;
}

/** Copies what no trusted pack holds from wherever it still is; stored bytes. */
async function bring(
  repository: Repository,
  { claim, index, packs, look }: Attempt,
  snapshot: Snapshot,
): Promise<number> {
  const { lacking, lost } = await mark(repository, index, unitsOf(snapshot));
  if (lost > 0) {
    const id = hex(snapshot.id).slice(0, 8);
    throw new Failure("missing_object", `a prune took what snapshot ${id} needs`);
  }
  if (lacking === 0) return 0;
  const { names, used } = index.usage();
  const holders = new Set(names.filter((_, i) => (used[i] ?? 0) > 0));
  const listed = packs.filter((p) => holders.has(bareName(p.name) ?? ""));
  const contents = await mapBounded(listed, FETCHES, (pack) => repository.contents(pack));
  for (const [i, one] of contents.entries()) {
    // Swept since it was listed: what lay there only is not copied, and must not be promised.
    if (one === null) throw new Failure("object_missing", `${listed[i]?.name}: no such object`);
    index.leave(one);
  }
  const job = { verb: "copy", workers: 1, slots: SLOTS, claim, ...packing(packs) } as const;
  const { stored } = await repository.run<{ stored: number }>(index, job, { indexed: look });
  return stored;
}
