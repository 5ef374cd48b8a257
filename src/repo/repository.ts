/**
 * A store opened with a key; the only thing that knows object names and sealing.
 *
 * Invariants: an object is read only when its bytes are what its name says; one damaged object
 * never stops what does not need it; nothing here removes or replaces an object.
 */
import { hex } from "../base/bytes.ts";
import { Failure, type FailureCode, toFailure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import { type Config, decodeConfig } from "../format/config.ts";
import { allow, type Operation } from "../format/flags.ts";
import { decodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import { type JobWatch, runJob } from "../seam/job.ts";
import { type Index, type JobSpec, type Keyring, native, type Sealed } from "../seam/native.ts";
import type { DurableToken, Listed, Store } from "../store/store.ts";
import { bareName, checkName, FOLDERS, type Kind, objectPath } from "./layout.ts";
import type { Secret } from "./secret.ts";

const FETCHES = 8;

export interface Readable {
  readonly snapshots: Snapshot[];
  /** Records that cannot be read, with the reason. */
  readonly unreadable: { name: string; reason: string }[];
}

export class Repository implements AsyncDisposable {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly config: Config;
  private readonly runtime: Runtime;

  constructor(store: Store, keyring: Keyring, config: Config, runtime: Runtime) {
    this.store = store;
    this.keyring = keyring;
    this.config = config;
    this.runtime = runtime;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }

  /** Seals and stores a record, under a claim if there is one; resolves when it is durable. */
  async put(kind: Kind, type: string, content: Buffer, claim?: Buffer): Promise<DurableToken> {
    return this.putSealed(kind, this.keyring.seal(type, content), claim);
  }

  putSealed(kind: Kind, { name, bytes }: Sealed, claim?: Buffer): Promise<DurableToken> {
    return this.store.put(objectPath(kind, name), bytes, this.runtime.signal, claim && hex(claim));
  }

  list(kind: Kind): Promise<Listed[]> {
    return listAll(this.store, kind);
  }

  /** A stored object, compared with its name. */
  async get(path: string): Promise<Buffer> {
    return getChecked(this.store, path);
  }

  /** Refuses an operation that the config or any snapshot says this holdall is too old for. */
  allow(operation: Operation, all: Readable): void {
    allow(operation, this.config.flags, "repository");
    for (const { id, flags } of all.snapshots) {
      allow(operation, flags, `snapshot ${hex(id).slice(0, 8)}`);
    }
  }

  /** All snapshots, oldest first, and what could not be read of them. */
  async snapshots(): Promise<Readable> {
    const listed = await this.list("snapshot");
    const unreadable: Readable["unreadable"] = [];
    const found = await mapBounded(listed, FETCHES, async ({ name: path }) => {
      try {
        const name = bareName(path) ?? "";
        const content = this.keyring.open("snapshot", name, await this.get(path));
        return decodeSnapshot(content, (n, bytes) => this.keyring.open("section", n, bytes));
      } catch (error) {
        unreadable.push({ name: path, reason: ofObject(error).message });
        return null;
      }
    });
    const snapshots = found.filter((s) => s !== null);
    for (const { id, closed } of snapshots) {
      if (closed.length === 0) continue;
      const message = `snapshot ${hex(id).slice(0, 8)}: ${closed.length} section does not open, what it holds is left out: ${closed[0]}`;
      this.runtime.emit({ event: "warning", message });
    }
    snapshots.sort(
      (a, b) => a.time - b.time || a.sequence - b.sequence || Buffer.compare(a.id, b.id),
    );
    return { snapshots, unreadable };
  }

  /**
   * Where every chunk is. Packs are listed after the runs were, so a run never names a pack that
   * the listing should have had but was made too early to have.
   */
  async index(): Promise<{
    index: Index;
    packs: Listed[];
    damaged: { name: string; reason: string }[];
  }> {
    const runs = await this.list("index");
    const packs = await this.list("pack");
    const index = new native.Index(
      packs.map((p) => bareName(p.name) ?? ""),
      packs.map((p) => p.length),
    );
    const damaged: { name: string; reason: string }[] = [];
    await mapBounded(runs, FETCHES, async ({ name: path }) => {
      try {
        index.add(this.keyring, bareName(path) ?? "", await this.get(path));
      } catch (error) {
        damaged.push({ name: path, reason: ofObject(error).message });
      }
    });
    // What an unreadable run said, the packs that no other run speaks of say themselves.
    if (damaged.length > 0) await mapBounded(index.unlisted(), 1, (p) => this.addPack(index, p));
    return { index, packs, damaged };
  }

  private async addPack(index: Index, pack: string): Promise<void> {
    try {
      index.addPack(this.keyring, pack, await this.get(objectPath("pack", pack)));
    } catch (error) {
      // Damaged, too: whatever lies in it is missed by whoever needs it.
      ofObject(error);
    }
  }

  /** Runs a native job against this repository. */
  run<T>(index: Index, spec: JobSpec, watch: JobWatch = {}): Promise<T> {
    const folder = this.store.folder;
    const full = folder === null ? spec : { ...spec, folder: Buffer.from(folder) };
    const store = {
      put: (kind: "pack" | "index", name: string, bytes: Buffer) =>
        this.putSealed(kind, { name, bytes }, spec.claim),
      fetch: (pack: string, offset: number, length: number) =>
        this.store.get(objectPath("pack", pack), { offset, length }, this.runtime.signal),
    };
    return runJob<T>(this.keyring, index, full, store, watch, this.runtime.signal);
  }
}

/** Codes that speak of one object; every other speaks of the store, or of the run itself. */
const OBJECT: readonly FailureCode[] = [
  "damaged",
  "object_missing",
  "missing_object",
  "newer_format",
  "kdf_too_expensive",
  "invalid",
];

/** The failure of one object, which stops nothing else; throws what is more than that. */
function ofObject(error: unknown): Failure {
  const failure = toFailure(error);
  if (!OBJECT.includes(failure.code)) throw failure;
  return failure;
}

async function listAll(store: Store, kind: Kind): Promise<Listed[]> {
  const found: Listed[] = [];
  for await (const object of store.list(FOLDERS[kind])) {
    if (bareName(object.name) !== null) found.push(object);
  }
  return found;
}

async function getChecked(store: Store, path: string): Promise<Buffer> {
  const bytes = await store.get(path);
  checkName(native.contentHash(bytes), path);
  return bytes;
}

/** Finds the slot that the secret opens, then takes in every other key. */
export async function openRepository(
  store: Store,
  secret: Secret,
  runtime: Runtime,
): Promise<Repository> {
  const keyring = await unlock(store, secret, runtime);
  const configs = await listAll(store, "config");
  const readable: Config[] = [];
  let broken: Failure | undefined;
  // What a killed init left is whole, but sealed under a root that nobody has: it means nothing.
  const stray = (failure: Failure) => failure.code === "missing_object";
  for (const { name: path } of configs) {
    try {
      const bytes = await getChecked(store, path);
      readable.push(decodeConfig(keyring.open("config", bareName(path) ?? "", bytes)));
    } catch (error) {
      const failure = ofObject(error);
      // An older generation would allow what the newer one may forbid.
      if (failure.code === "newer_format") throw failure;
      if (!stray(failure)) broken = failure;
    }
  }
  readable.sort((a, b) => b.generation - a.generation);
  const [config] = readable;
  if (config === undefined) {
    throw (
      broken ?? new Failure("no_repository", `${store.description}: the repository has no config`)
    );
  }
  allow("read", config.flags, "repository");
  if (broken)
    runtime.emit({ event: "warning", message: `one config is unreadable: ${broken.message}` });
  keyring.replica = config.replica;
  await mapBounded(await listAll(store, "key"), FETCHES, async ({ name: path }) => {
    try {
      keyring.load(bareName(path) ?? "", await getChecked(store, path));
    } catch (error) {
      const failure = ofObject(error);
      if (stray(failure)) return;
      const message = `key ${path} is unreadable: ${failure.message}`;
      runtime.emit({ event: "warning", message });
    }
  });
  return new Repository(store, keyring, config, runtime);
}

const KINDS = { passphrase: 1, recovery: 2, keyfile: 3 } as const;

async function unlock(store: Store, secret: Secret, runtime: Runtime): Promise<Keyring> {
  const slots = await listAll(store, "slot");
  if (slots.length === 0) {
    throw new Failure("no_repository", `${store.description}: there is no repository here`);
  }
  let refused: Failure | undefined;
  for (const { name: path } of slots) {
    try {
      const bytes = await getChecked(store, path);
      if (native.readSlot(bytes).kind !== KINDS[secret.kind]) continue;
      const keyring = native.Keyring.openSlot(bytes, secret.kind, secret.bytes);
      if (keyring !== null) return keyring;
    } catch (error) {
      refused = ofObject(error);
      runtime.emit({
        event: "warning",
        message: `key slot ${path} is skipped: ${refused.message}`,
      });
    }
  }
  if (refused) {
    const rest = `the ${secret.kind} opens no key slot that can be read`;
    throw new Failure(refused.code, `${refused.message}; ${rest}`, refused);
  }
  throw new Failure(
    "wrong_secret",
    `${store.description}: the ${secret.kind} opens none of ${slots.length} key slots`,
  );
}
