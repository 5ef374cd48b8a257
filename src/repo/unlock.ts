/**
 * From a secret to the keyring and the config.
 *
 * Invariants: a damaged slot or config never stops what others still open; a retired slot opens
 * nothing, and no generation of the config can bring one back.
 */
import { Failure, type FailureCode } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { type Config, decodeConfig } from "../format/config.ts";
import { allow } from "../format/flags.ts";
import { type Keyring, native } from "../seam/native.ts";
import type { Listed, Store } from "../store/store.ts";
import { bareName, slotHash } from "./layout.ts";
import { listAll, ofObject, stray } from "./objects.ts";
import type { Secret } from "./secret.ts";

export interface Unlocked {
  readonly keyring: Keyring;
  readonly config: Config;
  /** Path of the slot that the secret opened. */
  readonly slot: string;
}

/** What was listed, the slots in the order in which they are tried. */
export interface Front {
  readonly slots: readonly Listed[];
  readonly configs: readonly Listed[];
}

/** Gives a stored object, compared with its name. */
type Read = (path: string) => Promise<Buffer>;

/** What may be why nothing opened, whatever else was tried. */
const TELLING: readonly FailureCode[] = ["newer_format", "kdf_too_expensive"];
const KINDS = { passphrase: 1, recovery: 2, keyfile: 3 } as const;

export async function unlock(
  store: Store,
  { slots, configs }: Front,
  read: Read,
  secret: Secret,
  runtime: Runtime,
): Promise<Unlocked> {
  if (slots.length === 0) {
    throw new Failure("no_repository", `${store.description}: there is no repository here`);
  }
  const refused: Failure[] = [];
  let wrong = 0;
  let config: Config | undefined;
  let retired = 0;
  for (const { name: slot } of slots) {
    // Once the config is known, a retired slot costs no key derivation.
    if (config && isRetired(config, slot)) continue;
    const keyring = await trySlot(read, slot, secret, runtime, refused);
    if (keyring === null) wrong++;
    if (!keyring) continue;
    config ??= await newestConfig(store, configs, read, keyring, runtime);
    if (!isRetired(config, slot)) return { keyring, config, slot };
    retired++;
  }
  // When nothing that this secret could have opened is in order, that is what is wrong.
  const [first] = refused;
  const telling = refused.find((f) => TELLING.includes(f.code));
  if (telling) throw telling;
  if (first && wrong === 0 && retired === 0) throw first;
  throw unopened(store, secret, slots, retired);
}

/** Whether a key slot is no longer accepted. */
export function isRetired(config: Config, slot: string): boolean {
  const hash = slotHash(slot);
  return config.retired.some((r) => r.equals(hash));
}

/** The keyring; null when the slot is another secret's, undefined when it cannot be tried. */
async function trySlot(
  read: Read,
  path: string,
  secret: Secret,
  runtime: Runtime,
  refused: Failure[],
): Promise<Keyring | null | undefined> {
  try {
    const bytes = await read(path);
    if (native.readSlot(bytes).kind !== KINDS[secret.kind]) return undefined;
    return native.Keyring.openSlot(bytes, secret.kind, secret.bytes);
  } catch (error) {
    const failure = ofObject(error);
    refused.push(failure);
    runtime.emit({ event: "warning", message: `key slot ${path} is skipped: ${failure.message}` });
    return undefined;
  }
}

function unopened(
  store: Store,
  secret: Secret,
  slots: readonly Listed[],
  retired: number,
): Failure {
  const count = `${slots.length} key ${slots.length === 1 ? "slot" : "slots"}`;
  return new Failure(
    "wrong_secret",
    retired > 0
      ? `${store.description}: the key slot of this ${secret.kind} was removed`
      : `${store.description}: the ${secret.kind} opens none of ${count}`,
  );
}

/** The highest generation; what any generation retired stays retired. */
async function newestConfig(
  store: Store,
  listed: readonly Listed[],
  read: Read,
  keyring: Keyring,
  runtime: Runtime,
): Promise<Config> {
  const readable: Config[] = [];
  const broken: Failure[] = [];
  // Slots are put last: a config that was not listed beside them is there by now.
  for (const { name: path } of listed.length > 0 ? listed : await listAll(store, "config")) {
    try {
      const bytes = await read(path);
      readable.push(decodeConfig(keyring.open("config", bareName(path) ?? "", bytes)));
    } catch (error) {
      const failure = ofObject(error);
      // An older generation would allow what the newer one may forbid.
      if (failure.code === "newer_format") throw failure;
      if (!stray(failure)) broken.push(failure);
    }
  }
  const [first, ...rest] = readable.sort((a, b) => b.generation - a.generation);
  if (first === undefined) {
    throw (
      broken[0] ??
      new Failure("no_repository", `${store.description}: the repository has no config`)
    );
  }
  allow("read", first.flags, "repository");
  for (const { message } of broken) {
    runtime.emit({ event: "warning", message: `one config is unreadable: ${message}` });
  }
  const all = [...first.retired, ...rest.flatMap((c) => c.retired)];
  const retired = [...new Map(all.map((r) => [r.toString("hex"), r])).values()];
  return { ...first, retired };
}
