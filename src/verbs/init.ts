/**
 * Makes a repository. Commit point: the first key slot; before it, nothing can be opened.
 *
 * The recovery key is shown only when no other root was made in the same place meanwhile.
 */
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { encodeConfig } from "../format/config.ts";
import { FOLDERS, objectPath } from "../repo/layout.ts";
import { type Secret, slotCost } from "../repo/secret.ts";
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
  for await (const found of store.list(FOLDERS.slot)) {
    throw new Failure(
      "repository_exists",
      `${store.description}: there is a repository already (${found.name.slice(0, 20)}...)`,
    );
  }
  const capabilities = (await store.probe?.()) ?? null;
  if (store.retention !== undefined && capabilities?.locks === false) {
    const message = `${store.description}: lockDays needs a place made with Object Lock`;
    throw new Failure("store_refused", message);
  }
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
    if (facts.fingerprint !== keyring.fingerprint) {
      throw new Failure(
        "repository_exists",
        `${store.description}: another repository was made here at the same time`,
      );
    }
  }
  const { fingerprint } = keyring;
  return { repository: store.description, fingerprint, recoveryKey, capabilities };
}
