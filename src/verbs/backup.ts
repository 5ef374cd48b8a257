/**
 * Saves paths, a stream or a command's output as one snapshot.
 *
 * Commit point: the put of the snapshot record, after every pack and index run is durable. Then the
 * claim gets its end mark. Killed before, nothing is acknowledged, and what was indexed is reused.
 */
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { encodeClaim, encodeEnd } from "../format/claim.ts";
import { NO_FLAGS } from "../format/flags.ts";
import { RULES, type Rule } from "../format/section.ts";
import { encodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import { budget } from "../repo/budget.ts";
import { headsOf, type Readable, type Repository } from "../repo/repository.ts";
import {
  type Counters,
  plus,
  type Saved,
  saveUnit,
  toSections,
  type UnitPlan,
  unitIn,
} from "../repo/saving.ts";
import { total } from "../repo/units.ts";
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
  /** State units to save in place of `paths`, which are then not looked at. */
  readonly units?: readonly UnitPlan[];
  /** The instance that the units are of. */
  readonly instance?: string;
}

export interface BackupResult {
  readonly snapshot: Snapshot;
  readonly newBytes: number;
  readonly storedBytes: number;
  readonly troubles: number;
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
  const earlier = options.force || options.stream ? [] : like(known, options);
  const parent = earlier.at(-1) ?? null;
  const plans = options.units ?? [wholePlan(options)];
  const totals = totalsOf(parent);
  let before: Counters = [0, 0, 0, 0, 0];
  let counters = before;
  const saved: Saved[] = [];
  for (const plan of plans) {
    before = counters;
    const last = earlier.findLast((s) => unitIn(s, plan) !== undefined) ?? null;
    const tell = (now: readonly number[]) => {
      counters = plus(before, now);
      const [files, read, reused, newBytes, storedBytes] = counters;
      const bytes = read + reused;
      runtime.emit({ event: "progress", files, bytes, newBytes, storedBytes, ...totals });
    };
    const rest = jobSpec(options, claim, now);
    saved.push(await saveUnit(runtime, repository, index, plan, rest, unitIn(last, plan), tell));
  }
  if (!options.stream && saved.every(nothingSaved)) {
    throw new Failure("source_unreadable", "nothing could be saved: none of the paths can be read");
  }
  const snapshot = describe(options, { claim, writer, now }, known, parent, saved, runtime);
  if (!options.dryRun) {
    const seal = (bytes: Buffer) => repository.keyring.seal("section", bytes);
    await repository.put("snapshot", "snapshot", encodeSnapshot(snapshot, seal), claim);
    await repository.put("claim", "end", encodeEnd(claim), claim);
  }
  const [, , , newBytes, storedBytes] = counters;
  const troubles = saved.reduce((n, s) => n + s.troubles.length, 0);
  return { snapshot, newBytes, storedBytes, troubles };
}

/** Files and bytes of the snapshot before, where there is one. */
function totalsOf(parent: Snapshot | null) {
  if (parent === null) return {};
  return { totalFiles: total(parent, "files"), totalBytes: total(parent, "bytes") };
}

/** Everything that a backup of paths or of a stream saves, as one unit. */
function wholePlan(options: BackupOptions): UnitPlan {
  const { stream } = options;
  return {
    id: "files",
    context: "",
    class: "authoritative",
    engine: stream ? "opaque" : "files",
    paths: stream ? [Buffer.from(`/${stream.name}`)] : options.paths,
    exclude: options.exclude ?? [],
    rules: rulesOf(options),
    consistency: ["unknown", "none"],
    cut: [null, null, null, null],
  };
}

/** Every path failed, and all there is are the folders above, saved for their metadata. */
function nothingSaved({ plan, unit, troubles }: Saved): boolean {
  const failed = plan.paths.every((path) => troubles.some(([trouble]) => trouble.equals(path)));
  const above = plan.paths.flatMap((path) => {
    const names = path.toString("latin1").split("/").slice(1, -1);
    return names.map((_, i) => names.slice(0, i + 1).join("/"));
  });
  return failed && unit.entries <= new Set(above).size;
}

/** Snapshots of the same host and paths, or of the same host and instance, oldest first. */
function like({ snapshots }: Readable, options: BackupOptions): Snapshot[] {
  const { units, instance = "", paths } = options;
  const samePaths = ({ section }: Snapshot) =>
    section.paths.length === paths.length && section.paths.every((p, i) => paths[i]?.equals(p));
  return snapshots.filter(
    (s) =>
      s.host === options.host && s.instance === instance && (units !== undefined || samePaths(s)),
  );
}

function jobSpec(options: BackupOptions, claim: Buffer, now: number): JobSpec {
  return {
    verb: options.stream ? "stream" : "backup",
    claim,
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
  saved: readonly Saved[],
  runtime: Runtime,
): Snapshot {
  const [section, ...more] = toSections(saved, options.tags ?? []);
  if (section === undefined) throw new Failure("source_unreadable", "there is no unit to save");
  return {
    id: runtime.random(16),
    instance: options.instance ?? "",
    host: options.host,
    time: own.now,
    writer: own.writer,
    sequence: 1 + Math.max(0, ...known.snapshots.map((s) => s.sequence)),
    heads: headsOf(known.snapshots),
    claim: own.claim,
    parent: parent?.id ?? null,
    tool: options.tool,
    flags: NO_FLAGS,
    section,
    more,
    closed: [],
  };
}
