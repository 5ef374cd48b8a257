/**
 * From a store and a secret to a repository.
 *
 * Listings and reads that do not need one another go together: far away, each costs a round trip.
 */
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Listed, Store } from "../store/store.ts";
import { Cache } from "./cache.ts";
import { kept } from "./kept.ts";
import { bareName, objectPath } from "./layout.ts";
import { getChecked, listAll, ofObject, stray } from "./objects.ts";
import { Repository } from "./repository.ts";
import type { Secret } from "./secret.ts";
import { unlock } from "./unlock.ts";

const FETCHES = 8;

export interface OpenOptions {
  /** A folder for local caches; without it nothing is kept between runs. */
  readonly cache?: string;
  /** Records are read from the store, whatever the cache has of them. */
  readonly stored?: boolean;
}

/**
 * Finds the slot that the secret opens, then takes in every other key.
 *
 * Fails with `no_repository`, `wrong_secret`, `newer_format`, `kdf_too_expensive`, or `damaged`
 * when nothing of what it needs is readable; other damage becomes a `warning` event.
 */
export async function openRepository(
  store: Store,
  secret: Secret,
  runtime: Runtime,
  options: OpenOptions = {},
): Promise<Repository> {
  const { description } = store;
  // Of a folder the very objects are as near.
  const base = options.stored || store.folder !== null ? undefined : options.cache;
  const door = base ? await Cache.door(base, description) : null;
  const front = door === null ? store : kept(store, door, runtime);
  const last = (await door?.slot()) ?? "";
  const reads = openReads(front);
  if (last !== "") reads.begin([objectPath("slot", last)]);
  const [slots, configs, keys] = await Promise.all([
    listAll(front, "slot"),
    listAll(front, "config"),
    listAll(front, "key"),
  ]);
  // The one that opened last opens again, or else it is one of the others.
  const sorted = sortedBy(slots, ({ name }) => bareName(name) !== last);
  if (sorted[0] !== undefined && bareName(sorted[0].name) !== last) reads.begin(paths(slots));
  for (const listed of [configs, keys]) reads.begin(paths(listed));
  const unlocked = await unlock(front, { slots: sorted, configs }, reads.read, secret, runtime);
  const { keyring, config, slot } = unlocked;
  keyring.replica = config.replica;
  await mapBounded(keys, FETCHES, async ({ name: path }) => {
    try {
      keyring.load(bareName(path) ?? "", await reads.read(path));
    } catch (error) {
      const failure = ofObject(error);
      if (stray(failure)) return;
      const message = `key ${path} is unreadable: ${failure.message}`;
      runtime.emit({ event: "warning", message });
    }
  });
  const name = bareName(slot) ?? "";
  if (name !== last) await door?.keepSlot(name, runtime.random(8));
  const { cache: caches } = options;
  const cache = caches ? await Cache.open(caches, config.lineage, description) : null;
  const far = options.stored || store.folder !== null ? null : cache;
  const place = far === null ? store : kept(store, far, runtime);
  return new Repository(place, unlocked, cache, runtime, far);
}

const paths = (listed: readonly Listed[]) => listed.slice(0, FETCHES).map(({ name }) => name);

/** Those of which `isLater` says no come first; else in their order. */
function sortedBy<T>(list: readonly T[], isLater: (one: T) => boolean): T[] {
  return [...list.filter((one) => !isLater(one)), ...list.filter(isLater)];
}

/** Reads of objects that can begin before anybody needs them. */
function openReads(store: Store) {
  const begun = new Map<string, Promise<Buffer>>();
  return {
    begin(names: readonly string[]): void {
      for (const name of names) {
        if (begun.has(name)) continue;
        const bytes = getChecked(store, name);
        // It fails for who asks, if anybody does.
        bytes.catch(() => undefined);
        begun.set(name, bytes);
      }
    },
    read: (name: string): Promise<Buffer> => begun.get(name) ?? getChecked(store, name),
  };
}
