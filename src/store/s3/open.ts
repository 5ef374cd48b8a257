/**
 * A store in a bucket of any server that speaks S3.
 *
 * Commit discipline: an object appears whole, when its put is answered with the checksum of its
 * bytes. Read-after-write and list-after-write are asked of the server, nothing more.
 */
import { Failure } from "../../base/failure.ts";
import { type Runtime, systemRuntime } from "../../base/runtime.ts";
import type { FarStore } from "../deferred.ts";
import type { Patience } from "../retry.ts";
import { Traffic } from "../traffic.ts";
import { type Client, openClient } from "./client.ts";
import {
  type Credentials,
  findAccess,
  type S3Settings,
  type Surroundings,
  SYSTEM,
} from "./credentials.ts";
import { list } from "./list.ts";
import { lockedUntil, lockHeaders, remove, retentionOf } from "./lock.ts";
import { isSafeKey, type Place } from "./place.ts";
import { probe } from "./probe.ts";
import { type Known, type PutSettings, put } from "./put.ts";
import { openReads } from "./read.ts";
import { termsOf } from "./terms.ts";
import { openWire, type Wire } from "./wire.ts";

export interface S3Options {
  readonly settings?: S3Settings | undefined;
  readonly runtime?: Runtime | undefined;
  readonly traffic?: Traffic | undefined;
  readonly around?: Surroundings | undefined;
  readonly wire?: Wire;
  readonly patience?: Partial<Patience>;
  /** Bytes above which an object goes in parts, and bytes of a part. */
  readonly single?: number;
  readonly part?: number;
}

const MIB = 1 << 20;

/** A place with who asks, and how. */
export function openS3Store(place: Place, first: Credentials, options: S3Options = {}): FarStore {
  const { settings = {}, runtime = systemRuntime(), traffic = new Traffic() } = options;
  const { wire = openWire(), around = SYSTEM, patience = {} } = options;
  const client = openClient({
    place,
    runtime,
    wire,
    traffic,
    patience,
    credentials: first,
    renew: () => findAccess(settings, around).credentials,
  });
  const terms = termsOf(settings);
  const putSettings: PutSettings = {
    single: options.single ?? 32 * MIB,
    part: options.part ?? 32 * MIB,
    storageClass: settings.storageClass,
    lock: () => lockHeaders(terms, runtime.clock.now()),
  };
  const store = storeOf(client, putSettings, wire);
  return terms === null ? store : { ...store, retention: retentionOf(client, terms) };
}

function storeOf(client: Client, settings: PutSettings, wire: Wire): FarStore {
  const known: Known = { conditions: true };
  const reads = openReads(client);
  return {
    description: client.place.description,
    folder: null,
    async put(name, bytes, signal, _, lasting = false) {
      await put(client, settings, known, { name: safe(name), bytes, signal, lasting });
      return { durable: name };
    },
    get: (name, range, signal) => reads.read(safe(name), range, signal),
    list: (prefix, signal) => list(client, prefix, signal),
    remove(name) {
      reads.forget(name);
      return remove(client, safe(name));
    },
    lockedUntil: (name) => lockedUntil(client, safe(name)),
    probe: () => probe(client),
    async [Symbol.asyncDispose]() {
      wire[Symbol.dispose]();
    },
  };
}

function safe(name: string): string {
  if (isSafeKey(name)) return name;
  throw new Failure("invalid", `${name}: not a name that every S3 server takes as it is`);
}
