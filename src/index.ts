/**
 * The public library: everything the command line does, it does through this.
 *
 *     const runtime = systemRuntime({ signal, emit: (event) => events.push(event) });
 *     const store = openStore("/backup/repo");
 *     await using repository = await openRepository(store, { kind: "keyfile", bytes }, runtime);
 *     const { snapshot } = await backup(runtime, repository, options);
 *     await restore(runtime, repository, snapshot, { path: Buffer.from("/"), target, workers: 4 });
 *
 * Everything fails with a `Failure`, whose code is from a closed table. The runtime's signal stops
 * what is under way with the code `interrupted`; its `emit` gets a `HoldallEvent` for each thing
 * that happens. Paths are bytes, sizes are in bytes, times are milliseconds since 1970.
 */
export { type Body, bytesOf, type Spooled } from "./base/body.ts";
export { hex, pathFields, shown, toBytes, toText, unhex } from "./base/bytes.ts";
export type {
  BackupProgress,
  CacheFolder,
  HoldallEvent,
  Phase,
  RestoreProgress,
  SlotRow,
  SyncProgress,
} from "./base/event.ts";
export { EXIT_STATUS, Failure, type FailureCode, toFailure } from "./base/failure.ts";
export { finishAt, type HourlyRate, steady } from "./base/rate.ts";
export type { Revival } from "./base/revival.ts";
export { type Runtime, systemRuntime } from "./base/runtime.ts";
export { ACROSS, INSIDE } from "./base/state.ts";
export type { BarrierFields, Stood, Verified } from "./base/stood.ts";
export { VERSION } from "./base/version.ts";
export { readRecoveryKey, showRecoveryKey } from "./format/recovery.ts";
export type { Section, Snapshot, Unit } from "./format/snapshot.ts";
export type { Least } from "./freeze/level.ts";
export { clearAbandoned } from "./freeze/stage.ts";
export { barriersLeft, type Mended, thaw } from "./freeze/thaw.ts";
export type {
  Instance,
  Service,
  StateUnit,
  Step,
} from "./instance/descriptor.ts";
export { crashSafeOf } from "./instance/engines.ts";
export type { Facts } from "./instance/facts.ts";
export type { Inventory, InventoryRow } from "./instance/inventory.ts";
export { LEAST_MEMORY } from "./repo/budget.ts";
export { cacheFolders, clearCaches } from "./repo/cache.ts";
export type { Logged, Readable } from "./repo/log.ts";
export { type OpenOptions, openRepository } from "./repo/opening.ts";
export type { Repository } from "./repo/repository.ts";
export type { Saved, UnitPlan, ViewPath } from "./repo/saving.ts";
export type { Secret } from "./repo/secret.ts";
export {
  filterSnapshots,
  parseTime,
  type SnapshotFilter,
  selectSnapshot,
  splitPath,
} from "./repo/select.ts";
export {
  ASSUMED_RATE,
  type CostFacts,
  costOf,
  type Prices,
  refuseAbove,
  type SyncCost,
} from "./repo/transfer/cost.ts";
export {
  planSync,
  type SnapshotChoice,
  type SyncFacts,
  type SyncPlan,
} from "./repo/transfer/plan.ts";
export { sectionsOf, total, unitsOf } from "./repo/units.ts";
export { openMemoryStore } from "./store/memory.ts";
export { openStore, type StoreOptions } from "./store/open.ts";
export { readonly } from "./store/readonly.ts";
export { retry } from "./store/retry.ts";
export type { S3Settings } from "./store/s3/credentials.ts";
export type {
  Capabilities,
  DeletionProof,
  DurableToken,
  Listed,
  Range,
  Remnant,
  Retention,
  Store,
} from "./store/store.ts";
export { type Rates, throttle } from "./store/throttle.ts";
export { counted, Traffic } from "./store/traffic.ts";
export { type BackupOptions, type BackupResult, backup } from "./verbs/backup.ts";
export { type Copied, captureUnits } from "./verbs/capture.ts";
export { type CheckOptions, type CheckResult, check } from "./verbs/check.ts";
export { type DoctorResult, doctor, type Finding } from "./verbs/doctor.ts";
export {
  type ForgetOptions,
  type ForgetResult,
  forget,
  type Grouping,
  type GroupPlan,
  type Policy,
  type Verdict,
} from "./verbs/forget.ts";
export { type InitResult, init, initReplica } from "./verbs/init.ts";
export {
  type Choice,
  captures,
  choose,
  inventory,
  livePlans,
  type Selection,
} from "./verbs/inventory.ts";
export {
  addKey,
  type DrillResult,
  drill,
  listKeys,
  type RetireOptions,
  removeKey,
  replaceKey,
} from "./verbs/key.ts";
export {
  type PruneOptions,
  type PrunePlan,
  type PruneResult,
  planPrune,
  prune,
  type Requests,
} from "./verbs/prune.ts";
export { diff, diffFolder, list, output, type Row } from "./verbs/read.ts";
export { type RestoreOptions, type RestoreResult, restore } from "./verbs/restore.ts";
export {
  findClashes,
  planRevival,
  type RevivalPlan,
  type ReviveOptions,
  revive,
} from "./verbs/revive.ts";
export {
  type Planned,
  planStanding,
  type Standing,
  type StandOptions,
  stand,
} from "./verbs/stand.ts";
export { type Stats, stats } from "./verbs/stats.ts";
export { type SyncOptions, type SyncResult, sync } from "./verbs/sync.ts";
export { type UndeleteOptions, type UndeleteResult, undelete } from "./verbs/undelete.ts";
export { planVerify, refuseUntried, type VerifyPlan, verify } from "./verbs/verify.ts";
