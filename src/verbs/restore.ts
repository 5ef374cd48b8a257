/**
 * Brings a snapshot, or a path of it, back into a folder. Commit point: none is needed; a killed
 * restore is finished by the next one, which keeps what already matches.
 */
import { mkdir } from "node:fs/promises";
import { pathFields } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { Repository } from "../repo/repository.ts";

export interface RestoreOptions {
  /** A path inside the snapshot; `/` is all of it. */
  readonly path: Buffer;
  /** An existing folder, or one to make. */
  readonly target: string;
  /** Removes what the snapshot does not have. */
  readonly delete?: boolean;
  readonly dryRun?: boolean;
  readonly workers: number;
}

export interface RestoreResult {
  readonly entries: number;
  readonly bytes: number;
  /** Bytes that were not there already. */
  readonly written: number;
  readonly deleted: number;
  readonly troubles: number;
}

export async function restore(
  runtime: Runtime,
  repository: Repository,
  snapshot: Snapshot,
  options: RestoreOptions,
): Promise<RestoreResult> {
  const [unit] = snapshot.section.units;
  if (unit === undefined) throw new Failure("damaged", "the snapshot has no manifest");
  const { index } = await repository.index();
  if (!options.dryRun) await mkdir(options.target, { recursive: true });
  let counters: number[] = [];
  let troubles = 0;
  await repository.run(
    index,
    {
      verb: "restore",
      root: unit.root,
      path: options.path,
      paths: snapshot.section.paths,
      target: Buffer.from(options.target),
      delete: options.delete ?? false,
      dry: options.dryRun ?? false,
      workers: options.workers,
    },
    {
      trouble(path, message) {
        troubles++;
        runtime.emit({ event: "trouble", ...pathFields(path), message });
      },
      progress(now) {
        counters = now;
        const [files = 0, bytes = 0, newBytes = 0] = now;
        const totals = { totalFiles: unit.entries, totalBytes: unit.bytes };
        runtime.emit({ event: "progress", files, bytes, newBytes, storedBytes: 0, ...totals });
      },
    },
  );
  const [entries = 0, bytes = 0, written = 0, deleted = 0] = counters;
  return { entries, bytes, written, deleted, troubles };
}
