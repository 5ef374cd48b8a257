/**
 * Saves paths, a stream or a command's output as one snapshot.
 *
 * Commit point: the put of the snapshot record, after every pack and index run is durable, once its
 * claim is then seen without a fence. Killed before, nothing is acknowledged, and what was indexed
 * is reused. Fenced by a prune, it begins again under a new claim, and uploads what is not safe.
 */
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { NO_FLAGS } from "../format/flags.ts";
import { RULES, type Rule } from "../format/section.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { budget } from "../repo/budget.ts";
import { headsOf, type Readable } from "../repo/log.ts";
import { mark } from "../repo/marking.ts";
import { packing } from "../repo/packing.ts";
import type { Repository } from "../repo/repository.ts";
import {
  type Counters,
  plus,
  type Saved,
  saveUnit,
  toSections,
  type UnitPlan,
  unitIn,
} from "../repo/saving.ts";
import { samePaths, total } from "../repo/units.ts";
import { type Attempt, write } from "../repo/writing.ts";
import type { Index, JobSpec } from "../seam/native.ts";

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
  /** MiB that packs are filled to: 16, 32, 64 or 128; by what the repository has if not given. */
  readonly packSize?: number;
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
 * Saves paths, standard input or a command's output. Resolves when the snapshot is acknowledged.
 *
 * Emits `progress` about four times a second and `trouble` for each path that could not be saved as
 * it is; those are counted and recorded in the snapshot, and do not fail the call. Fails with
 * `source_unreadable` when nothing could be saved, `command_failed`, `interrupted` when the signal
 * aborts, `fenced` when prunes never let it end, `disk_full` and the other codes of the store. A
 * failed backup leaves no snapshot.
 */
export async function backup(
  runtime: Runtime,
  repository: Repository,
  options: BackupOptions,
): Promise<BackupResult> {
  const run = new Run(runtime, repository, options);
  const snapshot = options.dryRun
    ? await run.dry()
    : await write(runtime, repository, options.host, (attempt) => run.make(attempt));
  const [, , , newBytes, storedBytes] = run.counters;
  return { snapshot, newBytes, storedBytes, troubles: run.troubles };
}

/** What an attempt needs to know; a dry run has no claim. */
type Ground = Pick<Attempt, "claim" | "writer" | "now" | "known" | "index"> & Partial<Attempt>;

/** One backup: what is read of its source serves each of its attempts, as long as it is safe. */
class Run {
  counters: Counters = [0, 0, 0, 0, 0];
  private readonly runtime: Runtime;
  private readonly repository: Repository;
  private readonly options: BackupOptions;
  /** The snapshot's own id, whichever attempt is acknowledged. */
  private readonly id: Buffer;
  private saved: { units: Saved[]; parent: Snapshot | null } | null = null;
  private warned = false;
  /** An attempt has read of the source, or tried to. */
  private begun = false;

  constructor(runtime: Runtime, repository: Repository, options: BackupOptions) {
    this.runtime = runtime;
    this.repository = repository;
    this.options = options;
    this.id = runtime.random(16);
  }

  get troubles(): number {
    return this.saved?.units.reduce((n, { troubles }) => n + troubles.length, 0) ?? 0;
  }

  async dry(): Promise<Snapshot> {
    const { runtime, repository } = this;
    const known = await repository.snapshots();
    const { index } = await repository.index();
    const [claim, writer] = [runtime.random(16), runtime.random(16)];
    return this.make({ claim, writer, now: runtime.clock.now(), known, index });
  }

  async make(ground: Ground): Promise<Snapshot> {
    if (!this.warned) this.warn(ground.known);
    if (this.saved !== null && !(await this.safe(ground.index, this.saved.units))) {
      this.saved = null;
    }
    if (this.saved === null && this.begun && this.options.stream?.command.length === 0) {
      throw new Failure("source_io", "a prune took what was saved, and the input is read up");
    }
    this.begun = true;
    this.saved ??= await this.ingest(ground);
    return describe(this.options, this.id, { ...ground, ...this.saved });
  }

  private warn({ unreadable }: Readable): void {
    this.warned = true;
    for (const bad of unreadable) {
      const message = `snapshot record ${bad.name} cannot be read: ${bad.reason}`;
      this.runtime.emit({ event: "warning", message });
    }
  }

  /** Whether all that an earlier attempt saved lies in packs that this one may rely on. */
  private async safe(index: Index, units: readonly Saved[]): Promise<boolean> {
    const saved = units.map(({ unit }) => unit);
    const { lacking, lost } = await mark(this.repository, index, saved);
    return lacking === 0 && lost === 0;
  }

  private async ingest(ground: Ground) {
    const { options } = this;
    const earlier = options.force || options.stream ? [] : like(ground.known, options);
    const parent = earlier.at(-1) ?? null;
    const units: Saved[] = [];
    this.counters = [0, 0, 0, 0, 0];
    for (const plan of options.units ?? [wholePlan(options)]) {
      const last = earlier.findLast((s) => unitIn(s, plan) !== undefined) ?? null;
      units.push(await this.unit(ground, plan, last, parent));
    }
    if (!options.stream && units.every(nothingSaved)) {
      const message = "nothing could be saved: none of the paths can be read";
      throw new Failure("source_unreadable", message);
    }
    return { units, parent };
  }

  /** `last` has this unit, `parent` is the snapshot before. */
  private unit(
    { claim, now, index, packs, look }: Ground,
    plan: UnitPlan,
    last: Snapshot | null,
    parent: Snapshot | null,
  ): Promise<Saved> {
    const { runtime, repository, options } = this;
    const before = this.counters;
    const totals = totalsOf(parent);
    // What was saved a moment ago is listed nowhere yet.
    const { stored, ...fill } = packing(packs ?? [], options.packSize);
    const spec = { ...jobSpec(options, claim, now), ...fill, stored: stored + before[4] };
    return saveUnit(runtime, repository, index, plan, spec, unitIn(last, plan), {
      // An input that cannot be read again is read to its end: what was saved of it may be safe.
      ...(look && !options.stream ? { indexed: look } : {}),
      progress: (counters) => {
        this.counters = plus(before, counters);
        const [files, read, reused, newBytes, storedBytes] = this.counters;
        const bytes = read + reused;
        runtime.emit({ event: "progress", files, bytes, newBytes, storedBytes, ...totals });
      },
    });
  }
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

/**
 * Snapshots of the same host and paths, or of the same host and instance, oldest first; what they
 * had is believed chunk by chunk only.
 */
function like({ snapshots }: Readable, options: BackupOptions): Snapshot[] {
  const { host, units, instance = "", paths } = options;
  const same = (s: Snapshot) => s.host === host && s.instance === instance;
  return snapshots.filter(
    (s) => same(s) && (units !== undefined || samePaths(s.section.paths, paths)),
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

interface Facts {
  readonly claim: Buffer;
  readonly writer: Buffer;
  readonly now: number;
  readonly known: Readable;
  readonly parent: Snapshot | null;
  readonly units: readonly Saved[];
}

function describe(options: BackupOptions, id: Buffer, facts: Facts): Snapshot {
  const { claim, writer, now, parent } = facts;
  // An attempt that was fenced may have left a record of this very snapshot.
  const others = facts.known.snapshots.filter((s) => !s.id.equals(id));
  const [section, ...more] = toSections(facts.units, options.tags ?? []);
  if (section === undefined) throw new Failure("source_unreadable", "there is no unit to save");
  return {
    id,
    instance: options.instance ?? "",
    host: options.host,
    time: now,
    writer,
    sequence: 1 + others.reduce((most, s) => Math.max(most, s.sequence), 0),
    heads: headsOf(others),
    claim,
    parent: parent?.id ?? null,
    tool: options.tool,
    flags: NO_FLAGS,
    section,
    more,
    closed: [],
  };
}
