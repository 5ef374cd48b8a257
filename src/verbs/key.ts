/**
 * Key slots: list, add, retire, and prove that a secret opens the repository.
 *
 * Commit points: the new slot's put; for retiring, the put of a new generation of the config that
 * names the slot. Nothing stored is removed here: a retired slot's bytes stay until a sweep.
 */
import type { SlotRow } from "../base/event.ts";
import { Failure, toFailure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { encodeConfig } from "../format/config.ts";
import { slotHash } from "../repo/layout.ts";
import { openRepository } from "../repo/opening.ts";
import type { Repository } from "../repo/repository.ts";
import { type Secret, slotCost } from "../repo/secret.ts";
import { native } from "../seam/native.ts";
import type { Store } from "../store/store.ts";

/** At most this many slots that are not retired open one repository. */
const SLOTS = 16;
const KINDS = ["unknown", "passphrase", "recovery", "keyfile"] as const;
const ID = 8;

/** The id that people see: the first eight digits of the slot's name. */
export function slotId(path: string): string {
  return slotHash(path).toString("hex").slice(0, ID);
}

function isRetired(repository: Repository, path: string): boolean {
  const hash = slotHash(path);
  return repository.config.retired.some((r) => r.equals(hash));
}

/** Every stored slot, the damaged and retired ones included. */
export async function listKeys(repository: Repository): Promise<SlotRow[]> {
  const rows: SlotRow[] = [];
  for (const { name } of await repository.list("slot")) {
    const common = {
      id: slotId(name),
      retired: isRetired(repository, name),
      inUse: name === repository.slot,
    };
    try {
      const { kind, memoryKiB } = native.readSlot(await repository.get(name));
      rows.push({ ...common, kind: KINDS[kind] ?? "unknown", memoryKiB });
    } catch (error) {
      const problem = toFailure(error).message;
      rows.push({ ...common, kind: "damaged", memoryKiB: 0, problem });
    }
  }
  return rows;
}

/** Lets one more secret open the repository; resolves with the new slot's id when it is durable. */
export async function addKey(
  runtime: Runtime,
  repository: Repository,
  secret: Secret,
): Promise<string> {
  const active = (await listKeys(repository)).filter((row) => !row.retired);
  if (active.length >= SLOTS) {
    throw new Failure("invalid", `a repository has at most ${SLOTS} key slots; remove one first`);
  }
  const created = Math.floor(runtime.clock.now() / 1000);
  const { kind, bytes } = secret;
  const sealed = repository.keyring.sealSlot(kind, bytes, slotCost(secret), kind, created);
  // The very bytes that are stored must open before anyone relies on them.
  if (native.Keyring.openSlot(sealed.bytes, kind, bytes) === null) {
    throw new Failure("internal", "the new key slot does not open");
  }
  await repository.putSealed("slot", sealed);
  return slotId(sealed.name);
}

export interface RetireOptions {
  /** Also the last slot of a recovery key. */
  readonly force?: boolean;
}

/**
 * Retires the slot whose id begins with `id`: from now on it opens nothing.
 *
 * Refuses with `last_way` the slot in use, so that one secret known to work always remains, and the
 * last recovery key unless forced. It revokes nothing that was copied before. Resolves with the id.
 */
export async function removeKey(
  repository: Repository,
  id: string,
  options: RetireOptions = {},
): Promise<string> {
  const rows = await listKeys(repository);
  const found = /^[0-9a-f]{4,64}$/.test(id)
    ? (await repository.list("slot")).filter((s) => slotHash(s.name).toString("hex").startsWith(id))
    : [];
  const [slot] = found;
  if (slot === undefined) throw new Failure("invalid", `${id}: there is no such key slot`);
  if (found.length > 1) {
    throw new Failure("invalid", `${id} is the beginning of ${found.length} key slots`);
  }
  const row = rows.find((r) => r.id === slotId(slot.name));
  if (row?.retired) throw new Failure("invalid", `key slot ${row.id} was removed before`);
  if (row?.inUse) {
    throw new Failure(
      "last_way",
      `key slot ${row.id} opened the repository just now; open it with another secret to remove it`,
    );
  }
  const recovery = rows.filter((r) => r.kind === "recovery" && !r.retired);
  if (row?.kind === "recovery" && recovery.length === 1 && !options.force) {
    throw new Failure(
      "last_way",
      `key slot ${row.id} is the last recovery key; --force removes it`,
    );
  }
  await retire(repository, slot.name);
  return slotId(slot.name);
}

async function retire(repository: Repository, slot: string): Promise<void> {
  const { config, keyring } = repository;
  const retired = [...config.retired, slotHash(slot)];
  const next = encodeConfig(
    { ...config, generation: config.generation + 1, retired },
    config.flags,
  );
  await repository.putSealed("config", keyring.seal("config", next));
}

/**
 * Puts a new secret in the place of the one that opened the repository: adds its slot, then retires
 * the old one. Killed between the two, both open it. Resolves with both ids.
 */
export async function replaceKey(
  runtime: Runtime,
  repository: Repository,
  secret: Secret,
): Promise<{ added: string; retired: string }> {
  const added = await addKey(runtime, repository, secret);
  await retire(repository, repository.slot);
  return { added, retired: slotId(repository.slot) };
}

export interface DrillResult {
  /** Id of the slot that the secret opened. */
  readonly slot: string;
  readonly snapshots: number;
  /** Snapshot records that could not be read. */
  readonly unreadable: number;
}

/** Opens the repository anew with this secret alone and reads every snapshot record. */
export async function drill(runtime: Runtime, store: Store, secret: Secret): Promise<DrillResult> {
  const repository = await openRepository(store, secret, runtime);
  const { snapshots, unreadable } = await repository.snapshots();
  return {
    slot: slotId(repository.slot),
    snapshots: snapshots.length,
    unreadable: unreadable.length,
  };
}
