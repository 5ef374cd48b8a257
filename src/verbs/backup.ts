/**
 * Saves paths, a stream or a command's output as one snapshot.
 *
 * Commit point: the put of the snapshot record, after every pack and index run is durable, once its
 * claim is then seen without a fence. Killed before, nothing is acknowledged, and what was indexed
 * is reused. Fenced by a prune, it begins again under a new claim, and uploads what is not safe.
 */
import { pathFields, unhex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { NO_FLAGS } from "../format/flags.ts";
import { RULES, type Rule } from "../format/section.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { budget } from "../repo/budget.ts";
import { headsOf, type Readable } from "../repo/log.ts";
import type { Marked, Repository } from "../repo/repository.ts";
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
  const [, , , newBytes = 0, storedBytes = 0] = run.counters;
  return { snapshot, newBytes, storedBytes, troubles: run.troubles.length };
}

/** What an attempt needs to know; a dry run has no claim. */
type Ground = Pick<Attempt, "claim" | "writer" | "now" | "known" | "index"> & Partial<Attempt>;

/** One backup: what is read of its source serves each of its attempts, as long as it is safe. */
class Run {
  troubles: [Buffer, string][] = [];
  counters: number[] = [];
  private readonly runtime: Runtime;
  private readonly repository: Repository;
  private readonly options: BackupOptions;
  /** The snapshot's own id, whichever attempt is acknowledged. */
  private readonly id: Buffer;
  private saved: { outcome: Outcome; parent: Snapshot | null } | null = null;
  private warned = false;

  constructor(runtime: Runtime, repository: Repository, options: BackupOptions) {
    this.runtime = runtime;
    this.repository = repository;
    this.options = options;
    this.id = runtime.random(16);
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
    if (this.saved !== null && !(await this.safe(ground.index, this.saved.outcome))) {
      if (this.options.stream && this.options.stream.command.length === 0) {
        throw new Failure("source_io", "a prune took what was saved, and the input is read up");
      }
      this.saved = null;
    }
    this.saved ??= await this.ingest(ground);
    const { outcome, parent } = this.saved;
    const facts = { ...ground, parent, outcome, troubles: this.troubles };
    return describe(this.options, this.id, facts);
  }

  private warn({ unreadable }: Readable): void {
    this.warned = true;
    for (const bad of unreadable) {
      const message = `snapshot record ${bad.name} cannot be read: ${bad.reason}`;
      this.runtime.emit({ event: "warning", message });
    }
  }

  /** Whether all that an earlier attempt saved lies in packs that this one may rely on. */
  private async safe(index: Index, { root, hints }: Outcome): Promise<boolean> {
    const roots = { roots: [unhex(root)], hints: [unhex(hints)] };
    const spec = { verb: "mark", workers: 1, ...roots } as const;
    const { lacking, lost } = await this.repository.run<Marked>(index, spec);
    return lacking === 0 && lost === 0;
  }

  private async ingest({ claim, now, known, index, look }: Ground) {
    const { runtime, repository, options } = this;
    this.troubles = [];
    const parent = options.force || options.stream ? null : findParent(known, options);
    const total = parent?.section.units[0];
    const outcome = await repository.run<Outcome>(index, jobSpec(options, claim, parent, now), {
      // An input that cannot be read again is read to its end: what was saved of it may be safe.
      ...(look && !options.stream ? { indexed: look } : {}),
      trouble: (path, message) => {
        this.troubles.push([path, message]);
        runtime.emit({ event: "trouble", ...pathFields(path), message });
      },
      progress: (counters) => {
        this.counters = counters;
        const [files = 0, read = 0, reused = 0, newBytes = 0, storedBytes = 0] = counters;
        const totals = total ? { totalFiles: total.files, totalBytes: total.bytes } : {};
        const bytes = read + reused;
        runtime.emit({ event: "progress", files, bytes, newBytes, storedBytes, ...totals });
      },
    });
    if (!options.stream && nothingSaved(options.paths, this.troubles, outcome.entries)) {
      const message = "nothing could be saved: none of the paths can be read";
      throw new Failure("source_unreadable", message);
    }
    return { outcome, parent };
  }
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

/** The newest snapshot of the same host and paths; what it had is believed chunk by chunk only. */
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

interface Facts {
  readonly claim: Buffer;
  readonly writer: Buffer;
  readonly now: number;
  readonly known: Readable;
  readonly parent: Snapshot | null;
  readonly outcome: Outcome;
  readonly troubles: [Buffer, string][];
}

function describe(options: BackupOptions, id: Buffer, facts: Facts): Snapshot {
  const { claim, writer, now, parent, troubles } = facts;
  const { root, hints, entries, files, bytes, users, groups } = facts.outcome;
  // An attempt that was fenced may have left a record of this very snapshot.
  const others = facts.known.snapshots.filter((s) => !s.id.equals(id));
  const engine = options.stream ? "opaque" : "files";
  return {
    id,
    instance: "",
    host: options.host,
    time: now,
    writer,
    sequence: 1 + others.reduce((most, s) => Math.max(most, s.sequence), 0),
    heads: headsOf(others),
    claim,
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
          consistency: ["live", "live"],
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
