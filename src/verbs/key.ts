/**
 * Key slots: listing, adding, and proving that a secret opens the repository. Commit point of
 * adding: the new slot.
 */
import { Failure, toFailure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { openRepository, type Repository } from "../repo/repository.ts";
import { DEFAULT_COST, type Secret } from "../repo/secret.ts";
import { native } from "../seam/native.ts";
import type { Store } from "../store/store.ts";

export interface SlotRow {
  readonly id: string;
  readonly kind: string;
  readonly memoryKiB: number;
  readonly problem?: string;
}

export async function listKeys(repository: Repository): Promise<SlotRow[]> {
  const rows: SlotRow[] = [];
  for (const { name } of await repository.list("slot")) {
    const id = name.slice(name.lastIndexOf("/") + 1, name.lastIndexOf("/") + 9);
    try {
      const { kind, memoryKiB } = native.readSlot(await repository.get(name));
      rows.push({
        id,
        kind: ["?", "passphrase", "recovery", "keyfile"][kind] ?? "unknown",
        memoryKiB,
      });
    } catch (error) {
      rows.push({ id, kind: "damaged", memoryKiB: 0, problem: toFailure(error).message });
    }
  }
  return rows;
}

/** At most this many slots open one repository. */
const SLOTS = 16;

export async function addKey(
  runtime: Runtime,
  repository: Repository,
  secret: Secret,
): Promise<void> {
  if ((await repository.list("slot")).length >= SLOTS)
    throw new Failure("usage", `a repository has at most ${SLOTS} key slots`);
  const created = Math.floor(runtime.clock.now() / 1000);
  const cost = secret.kind === "passphrase" ? DEFAULT_COST : { memoryKiB: 0, passes: 0, lanes: 0 };
  await repository.putSealed(
    "slot",
    repository.keyring.sealSlot(secret.kind, secret.bytes, cost, secret.kind, created),
  );
}

/** Opens the repository anew with this secret alone and reads its snapshots. */
export async function drill(runtime: Runtime, store: Store, secret: Secret): Promise<number> {
  const repository = await openRepository(store, secret, runtime);
  return (await repository.snapshots()).snapshots.length;
}
