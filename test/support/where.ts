/**
 * Where the repositories of tests lie: in folders and in memory; or, in a project that is named
 * after a server, in a bucket of one that runs for this test file alone.
 *
 * A place has one name everywhere, the path of a folder, from which its address in the bucket is
 * made.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, inject } from "vitest";
import { openMemoryStore, openStore, type Store } from "../../src/index.ts";
import { download } from "./bucket.ts";
import { type Far, startBucket } from "./buckets.ts";
import { inMemory } from "./failing.ts";
import { all } from "./outcome.ts";

declare module "vitest" {
  interface ProvidedContext {
    server?: Far["kind"];
  }
}

const kind = inject("server");
/** Null where repositories lie in folders and in memory. */
export const BUCKET = kind === undefined ? null : await startBucket(kind);
/** What the command needs in its environment to come to a repository. */
export const ACCESS: Readonly<Record<string, string>> =
  BUCKET === null
    ? {}
    : {
        AWS_ENDPOINT_URL: BUCKET.endpoint,
        AWS_ACCESS_KEY_ID: BUCKET.keys.accessKeyId,
        AWS_SECRET_ACCESS_KEY: BUCKET.keys.secretAccessKey,
      };

/** What was copied out of the bucket for the independent reader. */
const copies = BUCKET === null ? null : inMemory();
if (BUCKET !== null) {
  afterAll(() => {
    BUCKET[Symbol.dispose]();
    copies?.[Symbol.dispose]();
  });
}

/** How the command names the repository of this place. */
export function addressOf(path: string): string {
  if (BUCKET === null) return path;
  return `s3://${BUCKET.bucket}/${path.slice(1).replaceAll(/[^A-Za-z0-9._/-]/g, "_")}`;
}

/** The store of this place, as the library opens it. */
export function storeAt(path: string): Store {
  return BUCKET === null ? openStore(path) : BUCKET.store(addressOf(path));
}

/** A new store for which no folder is needed: in memory where there is no bucket. */
export const newStore = (): Store =>
  BUCKET === null ? openMemoryStore() : BUCKET.store(BUCKET.fresh());

/** The objects of a repository in the hands of a test, whatever the store. */
export interface Objects {
  /** All names below a prefix, in order. */
  names(prefix?: string): Promise<string[]>;
  read(name: string): Promise<Buffer>;
  /** Puts an object there, in place of one of the same name. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  remove(...names: string[]): Promise<void>;
  /** Changes the bytes of one, under its name. */
  change(name: string, by: (bytes: Buffer) => unknown): Promise<void>;
}

/** By another client than the store itself, where it is not in memory: that one learns nothing. */
export function objectsOf(store: Store): Objects {
  const again = () => another(store) ?? store;
  const objects: Objects = {
    names: async (prefix = "") => (await all(again(), prefix)).sort(),
    read: (name) => again().get(name),
    async write(name, bytes) {
      await objects.remove(name);
      await again().put(name, bytes);
    },
    async remove(...names) {
      const folder = copyOf(store);
      for (const name of names) {
        await again().remove(name, undefined as never);
        // What is put there again may have the same length.
        if (folder !== null) rmSync(join(folder, name), { force: true });
      }
    },
    async change(name, by) {
      const bytes = await objects.read(name);
      by(bytes);
      await objects.write(name, bytes);
    },
  };
  return objects;
}

/** A second store of the same place. */
function another(store: Store): Store | null {
  if (store.folder !== null) return openStore(store.folder);
  const [address] = /^s3:\/\/\S+/.exec(store.description) ?? [];
  return address === undefined ? null : (BUCKET?.store(address) ?? null);
}

const copyOf = ({ description }: Store) =>
  copies === null ? null : join(copies.path, description.replaceAll("/", "_"));

/** A folder of what lies in the store now, for the independent reader; null where it is memory. */
export async function folderOf(store: Store): Promise<string | null> {
  const folder = copyOf(store);
  const far = another(store);
  if (store.folder !== null || folder === null || far === null) return store.folder;
  await download(far, folder);
  return folder;
}
