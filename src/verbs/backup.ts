/**
 * Saves paths, a stream or a command's output as one snapshot.
 *
 * Commit point: the put of the snapshot record, after every pack and index run is durable. Then the
 * claim gets its end mark. Killed before, nothing is acknowledged, and what was indexed is reused.
 */
import { pathFields, unhex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { encodeClaim, encodeEnd } from "../format/claim.ts";
import { NO_FLAGS } from "../format/flags.ts";
import { RULES, type Rule } from "../format/section.ts";
import { encodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import { budget } from "../repo/budget.ts";
import { headsOf, type Readable, type Repository } from "../repo/repository.ts";
import type { JobSpec } from "../seam/native.ts";

export interface BackupOptions {
  /** Absolute paths, as bytes. */
  readonly paths: Buffer[];
  readonly host: string;
  readonly tags?: string[];
  readonly exclude?: string[];
  readonly ignoreFile?: string;
  readonly excludeCaches?: boolean;
  readonly oneFileSystem?: boolean;
  readonly dryRun?: boolean;
  /** Reads every file again, whatever the parent says. */
  readonly force?: boolean;
  /** Saves standard input, or a command's output, under this name. */
  readonly stream?: { name: string; command: string[] };
  readonly workers: number;
  /** zstd level. */
  readonly level?: number;
  /** MiB that the core keeps to, `LEAST_MEMORY` at least; fewer workers run when it is small. */
  readonly memory?: number;
  readonly tool: string;
}

export interface BackupResult {
  readonly snapshot: Snapshot;
  readonly newBytes: number;
  readonly storedBytes: number;
  readonly troubles: number;
}

interface Outcome {
  root: string;
  hints: string;
  entries: number;
  files: number;
  bytes: number;
  users: [number, string][];
  groups: [number, string][];
}

/**
 * Saves paths, standard input or a command's output. Resolves when the snapshot is durable.
 *
 * Emits `progress` about four times a second and `trouble` for each path that could not be saved as
 * it is; those are counted and recorded in the snapshot, and do not fail the call. Fails with
 * `source_unreadable` when nothing could be saved, `command_failed`, `interrupted` when the signal
 * aborts, `disk_full` and the other codes of the store. A failed backup leaves no snapshot.
 */
export async function backup(
  runtime: Runtime,
  repository: Repository,
  options: BackupOptions,
): Promise<BackupResult> {
  const claim = runtime.random(16);
  const writer = runtime.random(16);
  const now = runtime.clock.now();
  if (!options.dryRun) {
    const content = encodeClaim(claim, writer, options.host, now);
    await repository.put("claim", "claim", content, claim);
  }
  const known = await repository.snapshots();
  if (!options.dryRun) repository.allow("write", known);
  for (const bad of known.unreadable) {
    runtime.emit({
      event: "warning",
      message: `snapshot record ${bad.name} cannot be read: ${bad.reason}`,
    });
  }
  const { index, unindexed } = await repository.index({ all: known });
  if (!options.dryRun) await repository.putRuns(unindexed, claim);
  const parent = options.force || options.stream ? null : findParent(known, options);
  const troubles: [Buffer, string][] = [];
  let counters: number[] = [];
  const total = parent?.section.units[0];
  const outcome = await repository.run<Outcome>(index, jobSpec(options, claim, parent, now), {
    trouble(path, message) {
      troubles.push([path, message]);
      runtime.emit({ event: "trouble", ...pathFields(path), message });
    },
    progress(now) {
      counters = now;
      const [files = 0, read = 0, reused = 0, newBytes = 0, storedBytes = 0] = now;
      const totals = total ? { totalFiles: total.files, totalBytes: total.bytes } : {};
      runtime.emit({
        event: "progress",
        files,
        bytes: read + reused,
        newBytes,
        storedBytes,
        ...totals,
      });
    },
  });
  if (!options.stream && nothingSaved(options.paths, troubles, outcome.entries)) {
    throw new Failure("source_unreadable", "nothing could be saved: none of the paths can be read");
  }
  const snapshot = describe(
    options,
    { claim, writer, now },
    known,
    parent,
    outcome,
    troubles,
    runtime,
  );
  if (!options.dryRun) {
    const seal = (bytes: Buffer) => repository.keyring.seal("section", bytes);
    await repository.put("snapshot", "snapshot", encodeSnapshot(snapshot, seal), claim);
    await repository.put("claim", "end", encodeEnd(claim), claim);
  }
  const [, , , newBytes = 0, storedBytes = 0] = counters;
  return { snapshot, newBytes, storedBytes, troubles: troubles.length };
}

/** Every path failed, and all there is are the folders above, saved for their metadata. */
function nothingSaved(paths: Buffer[], troubles: [Buffer, string][], entries: number): boolean {
  const failed = paths.every((path) => troubles.some(([trouble]) => trouble.equals(path)));
  const above = paths.flatMap((path) => {
    const names = path.toString("latin1").split("/").slice(1, -1);
    return names.map((_, i) => names.slice(0, i + 1).join("/"));
  });
  return failed && entries <= new Set(above).size;
}

/** The newest snapshot of the same host and paths. */
function findParent(known: Readable, options: BackupOptions): Snapshot | null {
  const same = (s: Snapshot) =>
    s.host === options.host &&
    s.section.paths.length === options.paths.length &&
    s.section.paths.every((p, i) => options.paths[i]?.equals(p));
  return known.snapshots.filter(same).at(-1) ?? null;
}

function jobSpec(
  options: BackupOptions,
  claim: Buffer,
  parent: Snapshot | null,
  now: number,
): JobSpec {
  const unit = parent?.section.units[0];
  return {
    verb: options.stream ? "stream" : "backup",
    claim,
    paths: options.paths,
    exclude: options.exclude ?? [],
    excludeCaches: options.excludeCaches ?? false,
    oneFileSystem: options.oneFileSystem ?? false,
    dry: options.dryRun ?? false,
    level: options.level ?? 3,
    ...budget(options.workers, options.memory),
    seconds: Math.floor(now / 1000),
    ...(options.ignoreFile === undefined ? {} : { ignoreFile: Buffer.from(options.ignoreFile) }),
    ...(options.stream
      ? { name: Buffer.from(options.stream.name), command: options.stream.command }
      : {}),
    ...(unit ? { parentRoot: unit.root } : {}),
    ...(unit?.hints ? { parentHints: unit.hints } : {}),
  };
}

/** What the options leave out, as the snapshot remembers it. */
function rulesOf(options: BackupOptions): Rule[] {
  const rule = (kind: number, value: string, reason: string): Rule => ({
    kind,
    value: Buffer.from(value),
    reason,
  });
  const { exclude = [], ignoreFile, excludeCaches, oneFileSystem } = options;
  return [
    ...exclude.map((pattern) => rule(RULES.pattern, pattern, "excluded by pattern")),
    ...(ignoreFile === undefined ? [] : [rule(RULES.ignoreFile, ignoreFile, "ignore files")]),
    ...(excludeCaches ? [rule(RULES.caches, "", "folders tagged as caches")] : []),
    ...(oneFileSystem ? [rule(RULES.otherFileSystems, "", "other file systems")] : []),
  ];
}

function describe(
  options: BackupOptions,
  own: { claim: Buffer; writer: Buffer; now: number },
  known: Readable,
  parent: Snapshot | null,
  outcome: Outcome,
  troubles: [Buffer, string][],
  runtime: Runtime,
): Snapshot {
  const { root, hints, entries, files, bytes, users, groups } = outcome;
  const engine = options.stream ? "opaque" : "files";
  return {
    id: runtime.random(16),
    instance: "",
    host: options.host,
    time: own.now,
    writer: own.writer,
    sequence: 1 + Math.max(0, ...known.snapshots.map((s) => s.sequence)),
    heads: headsOf(known.snapshots),
    claim: own.claim,
    parent: parent?.id ?? null,
    tool: options.tool,
    flags: NO_FLAGS,
    more: [],
    closed: [],
    section: {
      context: "",
      paths: options.stream ? [Buffer.from(`/${options.stream.name}`)] : options.paths,
      tags: options.tags ?? [],
      rules: rulesOf(options),
      units: [
        {
          id: "files",
          class: "authoritative",
          engine,
          engineFormat: "",
          schema: "",
          consistency: ["unknown", "none"],
          cut: [null, null, null, null],
          root: unhex(root),
          hints: unhex(hints),
          entries,
          files,
          bytes,
        },
      ],
      users,
      groups,
      troubles,
    },
  };
}
