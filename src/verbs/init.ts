/**
 * Makes a repository. Commit point: the first key slot; before it, nothing can be opened.
 *
 * The recovery key is shown only when no other root was made in the same place meanwhile.
 */
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { encodeConfig } from "../format/config.ts";
import { bareName, bareNames, FOLDERS, objectPath } from "../repo/layout.ts";
import { getChecked, listAll, ofObject } from "../repo/objects.ts";
import type { Repository } from "../repo/repository.ts";
import { type Secret, slotCost } from "../repo/secret.ts";
import { acceptedSlots, type Copied, lackingKeys } from "../repo/transfer/keys.ts";
import { type KdfCost, native } from "../seam/native.ts";
import type { Capabilities, Store } from "../store/store.ts";

export interface InitResult {
  readonly repository: string;
  readonly fingerprint: string;
  /** 32 bytes; shown once, stored nowhere in clear. */
  readonly recoveryKey: Buffer;
  /** What the store was found to do; null where there was nothing to try. */
  readonly capabilities: Capabilities | null;
}

/**
 * Makes a repository in an empty store; `cost` is what opening a passphrase slot takes. Fails with
 * `repository_exists`, and with the codes of the store.
 */
export async function init(
  runtime: Runtime,
  store: Store,
  secret: Secret,
  cost?: KdfCost,
): Promise<InitResult> {
  await refuseExisting(store);
  const capabilities = await probed(store);
  const keyring = native.Keyring.generate();
  const created = Math.floor(runtime.clock.now() / 1000);
  const put = (kind: "slot" | "key" | "config", sealed: { name: string; bytes: Buffer }) =>
    store.put(objectPath(kind, sealed.name), sealed.bytes, runtime.signal, undefined, true);
  for (const sealed of keyring.newDomain("")) await put("key", sealed);
  for (const role of [1, 2, 3]) await put("key", keyring.newRole(role));
  const { lineage, replica } = keyring;
  await put(
    "config",
    keyring.seal("config", encodeConfig({ lineage, replica, generation: 1, created, retired: [] })),
  );
  // The slot that the caller can open comes first: killed after it, the repository is the caller's.
  await put(
    "slot",
    keyring.sealSlot(secret.kind, secret.bytes, slotCost(secret, cost), secret.kind, created),
  );
  const recoveryKey = runtime.random(32);
  const recovery = { kind: "recovery", bytes: recoveryKey } as const;
  await put(
    "slot",
    keyring.sealSlot("recovery", recoveryKey, slotCost(recovery), "recovery", created),
  );
  for await (const slot of store.list(FOLDERS.slot)) {
    const facts = native.readSlot(await store.get(slot.name));
    if (facts.fingerprint !== keyring.fingerprint) throw madeMeanwhile(store);
  }
  const { fingerprint } = keyring;
  return { repository: store.description, fingerprint, recoveryKey, capabilities };
}

/** What the store can do; refuses one that cannot do what it is to do. */
async function probed(store: Store): Promise<Capabilities | null> {
  const capabilities = (await store.probe?.()) ?? null;
  if (store.retention !== undefined && capabilities?.locks === false) {
    const message = `${store.description}: lockDays needs a place made with Object Lock`;
    throw new Failure("store_refused", message);
  }
  return capabilities;
}

async function refuseExisting(store: Store): Promise<void> {
  for await (const found of store.list(FOLDERS.slot)) {
    throw new Failure(
      "repository_exists",
      `${store.description}: there is a repository already (${found.name.slice(0, 20)}...)`,
    );
  }
}

function madeMeanwhile(store: Store): Failure {
  const message = `${store.description}: another repository was made here at the same time`;
  return new Failure("repository_exists", message);
}

/**
 * Makes a replica of a repository in an empty store: the same lineage and keys, a replica id of its
 * own. Whatever opens the one opens the other: its key slots are copied as they are.
 *
 * A killed one is finished by the next. Fails like `init`, and with `damaged` where a key of the
 * repository cannot be read.
 */
export async function initReplica(
  runtime: Runtime,
  store: Store,
  from: Repository,
): Promise<Omit<InitResult, "recoveryKey">> {
  await refuseExisting(store);
  const capabilities = await probed(store);
  const { keyring, config } = from;
  const have = async (kind: "key" | "config") => new Set(bareNames(await listAll(store, kind)));
  const put = (kind: "slot" | "key" | "config", { name, bytes }: Copied) =>
    store.put(objectPath(kind, name), bytes, runtime.signal);
  for (const key of await lackingKeys(from, await have("key"))) await put("key", key);
  const begun = await configsOf(store, from);
  if (begun.length === 0) {
    const replica = runtime.random(16);
    const created = Math.floor(runtime.clock.now() / 1000);
    const { lineage, retired } = config;
    const content = encodeConfig({ lineage, replica, generation: 1, created, retired });
    await put("config", keyring.seal("config", content));
  }
  for (const slot of await acceptedSlots(from)) await put("slot", slot);
  // Two replica ids in one place would be two repositories in one.
  if ((await configsOf(store, from)).length !== 1) throw madeMeanwhile(store);
  return { repository: store.description, fingerprint: keyring.fingerprint, capabilities };
}

/** Names of the configs there that are sealed under this repository's root. */
async function configsOf(store: Store, { keyring }: Repository): Promise<string[]> {
  const found: string[] = [];
  for (const { name: path } of await listAll(store, "config")) {
    try {
      keyring.open("config", bareName(path) ?? "", await getChecked(store, path));
      found.push(path);
    } catch (error) {
      ofObject(error);
    }
  }
  return found;
}
