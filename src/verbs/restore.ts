/**
 * Brings a snapshot, or a path of it, back into a folder. Commit point: none is needed; a killed
 * restore is finished by the next one, which keeps what already matches.
 */
import { mkdir } from "node:fs/promises";
import { pathFields } from "../base/bytes.ts";
import type { RestoreResult } from "../base/revival.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Section, Snapshot } from "../format/snapshot.ts";
import { isMiss } from "../repo/objects.ts";
import type { Repository } from "../repo/repository.ts";
import { rootsOf, sectionsOf, total } from "../repo/units.ts";

const ROOT = Buffer.from("/");
/** Ranges that are asked for at once of a store that is no local folder. */
const FETCHES = 8;

export interface RestoreOptions {
  /** A path inside the snapshot; `/` is all of it. */
  readonly path: Buffer;
  /** An existing folder, or one to make. */
  readonly target: string | Buffer;
  /** Removes what the snapshot does not have. */
  readonly delete?: boolean;
  readonly dryRun?: boolean;
  readonly workers: number;
}

export type { RestoreResult };

/** Saved paths of which the snapshot has everything: `/` has no entry to say that it lacks some. */
function listedWhole(snapshot: Snapshot): Buffer[] {
  const sections = sectionsOf(snapshot);
  const lacking = snapshot.closed.length > 0 || sections.some(lacks);
  const paths = sections.flatMap((section) => section.paths);
  return lacking ? paths.filter((path) => !path.equals(ROOT)) : paths;
}

const lacks = ({ rules, troubles }: Section) => rules.length + troubles.length > 0;

/**
 * Restores `path` of a snapshot into a folder: the contents of a folder, or one entry by its name.
 *
 * Emits `restoring` about four times a second and `trouble` for each path that could not be made as
 * it was; those are counted, and do not fail the call. Fails with `no_entry` when the snapshot has
 * no such path, `interrupted` when the signal aborts, with the codes of the file system, and with
 * those of a store that is no local folder when it does not answer.
 */
export async function restore(
  runtime: Runtime,
  repository: Repository,
  snapshot: Snapshot,
  options: RestoreOptions,
): Promise<RestoreResult> {
  const roots = rootsOf(snapshot);
  if (!options.dryRun) await mkdir(options.target, { recursive: true });
  let counters: number[] = [];
  const most = (of: "entries" | "bytes") => total(snapshot, of);
  const spec = {
    verb: "restore",
    roots,
    path: options.path,
    paths: listedWhole(snapshot),
    target: typeof options.target === "string" ? Buffer.from(options.target) : options.target,
    delete: options.delete ?? false,
    dry: options.dryRun ?? false,
    // Each worker waits for a range of its own: where that takes long, more of them wait at once.
    workers: Math.max(options.workers, repository.store.folder === null ? FETCHES : 1),
  } as const;
  const troubles = await repository.reading(async (index) => {
    const met: [Buffer, string][] = [];
    await repository.run(index, spec, {
      trouble: (path, message) => met.push([path, message]),
      progress(now) {
        counters = now;
        const [entries = 0, bytes = 0, written = 0] = now;
        const whole = options.path.equals(ROOT);
        const totals = whole ? { totalEntries: most("entries"), totalBytes: most("bytes") } : {};
        runtime.emit({ event: "restoring", entries, bytes, written, ...totals });
      },
    });
    return { result: met, missed: met.some(([, message]) => isMiss(message)) };
  });
  for (const [path, message] of troubles) {
    runtime.emit({ event: "trouble", ...pathFields(path), message });
  }
  const [entries = 0, bytes = 0, written = 0, deleted = 0, fetched = 0, fetches = 0] = counters;
  return { entries, bytes, written, deleted, fetched, fetches, troubles: troubles.length };
}
