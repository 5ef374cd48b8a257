/** From an address to a store: an explicit table of schemes. */
import { resolve } from "node:path";
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { deferred } from "./deferred.ts";
import { openFolderStore } from "./fs.ts";
import { findAccess, type S3Settings, SYSTEM } from "./s3/credentials.ts";
import { findPlace } from "./s3/place.ts";
import { termsOf } from "./s3/terms.ts";
import type { Store } from "./store.ts";
import { counted, type Traffic } from "./traffic.ts";

export interface StoreOptions {
  /** Clock, signal and events of a store that repeats and waits by itself. */
  readonly runtime?: Runtime;
  /** Where requests and bytes are counted. */
  readonly traffic?: Traffic;
  /** Of `s3:` only. */
  readonly s3?: S3Settings;
}

const SCHEMES: Record<string, (address: string, options: StoreOptions) => Store> = {
  file(address, { traffic }) {
    const store = openFolderStore(resolve(address));
    return traffic === undefined ? store : counted(store, traffic);
  },
  s3(address, { runtime, traffic, s3: settings = {} }) {
    const access = findAccess(settings, SYSTEM);
    const place = findPlace(address, access);
    const promised = termsOf(settings)?.promised;
    const { description } = place;
    return deferred({ description, promised }, async () => {
      const { openS3Store } = await import("./s3/open.ts");
      return openS3Store(place, access.credentials, { runtime, traffic, settings });
    });
  },
};

/** Opens `/a/folder`, `file:/a/folder`, `s3://bucket/prefix`. */
export function openStore(address: string, options: StoreOptions = {}): Store {
  const [, scheme, rest] = /^([a-z][a-z0-9]+):(.*)$/s.exec(address) ?? [];
  const open = SCHEMES[scheme ?? "file"];
  if (open === undefined) throw new Failure("usage", `${address}: no store of kind ${scheme}`);
  return open(scheme === undefined ? address : (rest ?? ""), options);
}
