/**
 * Buckets wherever there are some, for suites that have to pass on all of them: two real servers of
 * different lineage, and our own fake.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { openStore, type Store, type StoreOptions } from "../../src/index.ts";
import type { FarStore } from "../../src/store/deferred.ts";
import { openS3Store, type S3Options } from "../../src/store/s3/open.ts";
import { findPlace } from "../../src/store/s3/place.ts";
import { KEYS as FAKE_KEYS, type FakeS3, startFake } from "./fake_s3.ts";
import { fresh, type Keys, OWNER, onServers, startServer } from "./s3server.ts";
import type { ServerKind } from "./servers.ts";

export interface Far {
  readonly kind: ServerKind | "fake";
  readonly endpoint: string;
  readonly keys: Keys;
  readonly bucket: string;
  /** An address that no other test uses. */
  fresh(): string;
  /** A store there, as the library opens it. */
  store(address: string, options?: StoreOptions): Store;
  /** The same with all that only a test sets. */
  open(address: string, options?: S3Options): FarStore;
}

type Place = Pick<Far, "kind" | "endpoint" | "keys" | "bucket">;

function farAt({ kind, endpoint, keys, bucket }: Place): Far {
  const s3 = { endpoint, region: "us-east-1", ...keys };
  return {
    kind,
    endpoint,
    keys,
    bucket,
    fresh: () => fresh(bucket),
    store: (address, options = {}) => openStore(address, { ...options, s3 }),
    open: (address, options = {}) =>
      openS3Store(findPlace(address.slice("s3:".length), s3), keys, { ...options, settings: s3 }),
  };
}

const FAKE = join(import.meta.dirname, "../../.build/test/support/fake_process.js");

async function startAway(): Promise<{ endpoint: string } & Disposable> {
  const child = spawn(process.execPath, [FAKE], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { endpoint: `${line}`.trim(), [Symbol.dispose]: () => child.kill("SIGKILL") };
}

/** One of them with an empty bucket, in a process of its own. */
export async function startBucket(kind: Far["kind"]): Promise<Far & Disposable> {
  if (kind === "fake") {
    const fake = await startAway();
    const far = farAt({ kind, endpoint: fake.endpoint, keys: FAKE_KEYS, bucket: "bucket" });
    return { ...far, [Symbol.dispose]: () => fake[Symbol.dispose]() };
  }
  const server = await startServer(kind);
  await server.makeBucket("holdall");
  const far = farAt({ kind, endpoint: server.endpoint, keys: OWNER, bucket: "holdall" });
  return { ...far, [Symbol.dispose]: () => server[Symbol.dispose]() };
}

/** A suite for each of them. */
export function onBuckets(body: (far: () => Far) => void): void {
  onServers((server) => {
    body(() => farAt({ ...server(), keys: OWNER, bucket: "holdall" }));
  });
  describe("our own fake", () => {
    let fake: FakeS3;
    beforeAll(async () => {
      fake = await startFake();
    });
    afterAll(() => fake?.[Symbol.dispose]());
    body(() => farAt({ kind: "fake", endpoint: fake.endpoint, keys: FAKE_KEYS, bucket: "bucket" }));
  });
}
