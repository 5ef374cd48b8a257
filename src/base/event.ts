/**
 * Everything the library tells while it runs and everything a command ends with: the closed union
 * that `--json` prints, one object a line.
 *
 * Sizes are in bytes, ids hexadecimal. A path that is not UTF-8 carries its exact bytes in
 * `pathBase64`.
 */
import type { Inventory } from "../instance/inventory.ts";
import type { FailureCode } from "./failure.ts";
import type { RestoreFields } from "./revival.ts";
import type { Across, Inside, UnitClass } from "./state.ts";
import type { BarrierFields, Stood, ThawEvent, Verified } from "./stood.ts";

/** A path, and its bytes in base64 where it is not UTF-8. */
interface AtPath {
  readonly path: string;
  readonly pathBase64?: string;
}

/** What a run is busy with. */
export type Phase = "index" | "save" | "restore" | "read" | "check" | "mark" | "copy" | "sync";

/** A new phase began. */
interface PhaseEvent {
  readonly event: "phase";
  readonly phase: Phase;
}

/** How far a backup is; totals are those of the snapshot before, where there is one. */
export interface BackupProgress {
  readonly event: "progress";
  readonly files: number;
  /** Read, or known to be unchanged. */
  readonly bytes: number;
  /** Not in the repository before. */
  readonly newBytes: number;
  /** What the new bytes take, compressed and sealed. */
  readonly storedBytes: number;
  readonly totalFiles?: number;
  readonly totalBytes?: number;
}

/** How far a restore is; totals are known when a whole snapshot is restored. */
export interface RestoreProgress {
  readonly event: "restoring";
  readonly entries: number;
  /** Sizes of the files dealt with. */
  readonly bytes: number;
  /** Bytes that were not there already. */
  readonly written: number;
  readonly totalEntries?: number;
  readonly totalBytes?: number;
}

/** How far a sync is: snapshots that are done, stored bytes that arrived; totals as planned. */
export interface SyncProgress {
  readonly event: "syncing";
  readonly snapshots: number;
  readonly totalSnapshots: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** One path could not be handled as it is; the rest goes on. */
interface TroubleEvent extends AtPath {
  readonly event: "trouble";
  readonly message: string;
}

/** Something to know that changes no result. */
interface WarningEvent {
  readonly event: "warning";
  readonly message: string;
}

/** What a command asked of the store: requests, and bytes of their bodies. */
interface StoreUse {
  readonly requests: number;
  readonly sent: number;
  readonly received: number;
}

/** A result says what it took, when the command line prints it. */
interface ResultEvent {
  readonly store?: StoreUse;
}

/** What a listing took of a remote store: its last line. */
interface StoreEvent extends StoreUse {
  readonly event: "store";
}

/** A backup's end; `id` is null after a dry run. */
interface SnapshotEvent extends ResultEvent {
  readonly event: "snapshot";
  readonly id: string | null;
  readonly parent: string | null;
  readonly files: number;
  readonly bytes: number;
  readonly newBytes: number;
  readonly storedBytes: number;
  readonly troubles: number;
  readonly dryRun: boolean;
  readonly stood?: Stood;
  readonly verified?: Verified;
}

/** What is where in an instance. */
interface InventoryEvent extends Inventory {
  readonly event: "inventory";
}

/** What a backup of an instance takes, and what it leaves. */
interface PlanEvent {
  readonly event: "plan";
  readonly instance: string;
  readonly taken: readonly {
    readonly unit: string;
    readonly context: string;
    readonly class: UnitClass;
    readonly inside: Inside;
    readonly across: Across;
    /** Its engine copies it. */
    readonly captured: boolean;
    readonly bytes: number;
    readonly paths: readonly string[];
  }[];
  readonly left: readonly {
    readonly unit: string;
    readonly context: string;
    readonly class: UnitClass;
    readonly why: string;
    readonly rebuild: string;
  }[];
  /** Files that embed secrets and are of no secret unit. */
  readonly credentials: readonly string[];
  readonly barrier?: BarrierFields;
  /** What is to be tried on a clone of the cut. */
  readonly verify?: Verified;
}

/** A new repository. The recovery key is told this once; a replica has that of its source. */
interface InitEvent extends ResultEvent {
  readonly event: "init";
  readonly repository: string;
  readonly fingerprint: string;
  readonly recoveryKey: string | null;
  readonly capabilities?: Capable;
}

/** What a remote store was found to do. */
interface Capable {
  readonly conditions: boolean;
  readonly checksums: boolean;
  readonly versioning: boolean;
  readonly locks: boolean;
  /** Milliseconds that its clock is ahead. */
  readonly skew: number;
}

/** How a store behaved when it was tried. */
interface DoctorEvent extends ResultEvent {
  readonly event: "doctor";
  readonly findings: readonly {
    readonly subject: string;
    readonly verdict: "good" | "limit" | "unfit";
    readonly text: string;
  }[];
  /** Milliseconds of a small read; bytes a second up and down. */
  readonly latency: number;
  readonly up: number;
  readonly down: number;
  readonly capabilities: Capable | null;
}

/** One entry of a snapshot, one find, one difference or one change of a restore's dry run. */
interface EntryEvent extends AtPath {
  readonly event: "entry";
  /** The snapshot it was found in: `find` only. */
  readonly snapshot?: string;
  /** `+` added, `-` removed, `C` content, `M` metadata: differences only. */
  readonly mark?: "+" | "-" | "C" | "M";
  readonly kind: "file" | "dir" | "symlink" | "char" | "block" | "fifo" | "socket" | "unknown";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, and nanoseconds. */
  readonly mtime: readonly [number, number];
  readonly size: number;
  /** Where a symbolic link leads. */
  readonly target?: string;
  readonly targetBase64?: string;
}

/** A restore's end. */
interface RestoreEvent extends ResultEvent, RestoreFields {
  readonly event: "restore";
}

/** A sync's end, or with `dryRun` its plan. Requests and bytes of the plan are estimates. */
interface SyncEvent {
  readonly event: "sync";
  readonly from: string;
  readonly to: string;
  /** Packs are copied whole: both have the same lineage and keys. */
  readonly replica: boolean;
  readonly dryRun: boolean;
  /** Ids of the snapshots that were, or would be, copied. */
  readonly snapshots: readonly string[];
  /** Wanted, and there already, or forgotten there. */
  readonly present: number;
  readonly forgotten: number;
  /** Packs to copy whole; chunks to be sealed anew, and their plaintext. */
  readonly packs: number;
  readonly chunks: number;
  readonly chunkBytes: number;
  readonly plannedUp: number;
  readonly plannedDown: number;
  readonly plannedRequests: number;
  readonly minutes: number;
  /** Requests and bytes out once, and the new bytes each month, by the config file's prices. */
  readonly costOnce: number;
  readonly costMonthly: number;
  readonly currency: string;
  /** Stored bytes of packs that went over. */
  readonly bytes: number;
  readonly traffic: { readonly from: StoreUse; readonly to: StoreUse };
  readonly problems: readonly { readonly object: string; readonly message: string }[];
}

/** What a check found; no problems means that every snapshot can be restored. */
interface CheckEvent extends ResultEvent {
  readonly event: "check";
  readonly snapshots: number;
  readonly packs: number;
  readonly packsRead: number;
  readonly files: number;
  readonly chunks: number;
  readonly problems: readonly {
    readonly object: string;
    readonly pathBase64?: string;
    readonly message: string;
  }[];
}

/** Why one snapshot is kept, or that it is not. */
interface VerdictRow {
  readonly id: string;
  readonly keep: boolean;
  readonly reasons: readonly string[];
}

/** Snapshots that were forgotten, or would be. */
interface ForgetEvent {
  readonly event: "forget";
  readonly forgotten: readonly string[];
  /** What a policy decided of each snapshot of each group; why nothing of a group was forgotten. */
  readonly groups: readonly {
    readonly host: string;
    readonly paths: readonly string[];
    readonly verdicts: readonly VerdictRow[];
    readonly refused: string | null;
  }[];
  readonly dryRun: boolean;
}

/** Snapshots that were brought back, or those that could be. */
interface UndeleteEvent {
  readonly event: "undelete";
  readonly undeleted: readonly string[];
  readonly storedBytes: number;
  readonly dryRun: boolean;
}

/** What a prune took away, or would take. */
interface PruneEvent {
  readonly event: "prune";
  /** Stored bytes of all packs. */
  readonly before: number;
  readonly after: number;
  readonly packs: number;
  readonly snapshots: number;
  /** Stored bytes that were copied, and bytes that stay unused. */
  readonly copied: number;
  readonly unused: number;
  /** Condemned lists that wait for these hosts' backups. */
  readonly waiting: number;
  readonly hosts: readonly string[];
  readonly requests: { readonly puts: number; readonly gets: number; readonly removals: number };
  readonly dryRun: boolean;
}

/** How much is stored. */
interface StatsEvent extends ResultEvent {
  readonly event: "stats";
  readonly snapshots: number;
  readonly packs: number;
  readonly packBytes: number;
  readonly indexRuns: number;
  readonly indexBytes: number;
  readonly chunks: number;
  /** Sum of the sizes of all files of all snapshots. */
  readonly logicalBytes: number;
}

/** The cache of one repository in one store. */
export interface CacheFolder {
  /** Repository id and store, in hexadecimal. */
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
}

/** The local caches. */
interface CacheEvent {
  readonly event: "cache";
  readonly folder: string;
  readonly cleared: boolean;
  readonly caches: readonly CacheFolder[];
}

/** One key slot, as it can be seen without its secret. */
export interface SlotRow {
  /** The first eight digits of its name. */
  readonly id: string;
  readonly kind: "passphrase" | "recovery" | "keyfile" | "unknown" | "damaged";
  /** What opening it costs in memory; 0 for secrets of 256 bits. */
  readonly memoryKiB: number;
  /** No longer accepted. */
  readonly retired: boolean;
  /** It opened the repository for this command. */
  readonly inUse: boolean;
  readonly problem?: string;
}

/** All key slots. */
interface KeysEvent extends ResultEvent {
  readonly event: "keys";
  readonly slots: readonly SlotRow[];
}

/** Key slots that were added or retired, or a key file that was made. */
interface KeyEvent extends ResultEvent {
  readonly event: "key";
  readonly added?: string;
  readonly retired?: readonly string[];
  readonly keyfile?: string;
  /** A new recovery key, told this once. */
  readonly recoveryKey?: string;
}

/** A secret that was proved to open the repository and its snapshots. */
interface DrillEvent extends ResultEvent {
  readonly event: "drill";
  readonly kind: "passphrase" | "recovery" | "keyfile";
  readonly slot: string;
  readonly snapshots: number;
  readonly unreadable: number;
}

/** The command failed; always the last line. */
interface ErrorEvent {
  readonly event: "error";
  readonly code: FailureCode;
  readonly message: string;
  readonly hint: string;
  readonly exit: number;
}

export type HoldallEvent =
  | PhaseEvent
  | BackupProgress
  | RestoreProgress
  | SyncProgress
  | TroubleEvent
  | WarningEvent
  | SnapshotEvent
  | InventoryEvent
  | PlanEvent
  | ThawEvent
  | InitEvent
  | EntryEvent
  | RestoreEvent
  | SyncEvent
  | CheckEvent
  | ForgetEvent
  | UndeleteEvent
  | PruneEvent
  | StatsEvent
  | DoctorEvent
  | CacheEvent
  | KeysEvent
  | KeyEvent
  | DrillEvent
  | StoreEvent
  | ErrorEvent;
