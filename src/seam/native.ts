/** The typed face of the Rust core, and the loader that finds it. */
import { createRequire } from "node:module";
import { Failure } from "../base/failure.ts";

/** A sealed object with the name it is stored under, its folder left out. */
export interface Sealed {
  readonly name: string;
  readonly bytes: Buffer;
}

export type SecretKind = "passphrase" | "recovery" | "keyfile";

export interface KdfCost {
  /** Memory of Argon2id in KiB. */
  memoryKiB: number;
  passes: number;
  lanes: number;
}

/** All keys of a repository; none can be read out. */
export interface Keyring {
  readonly fingerprint: string;
  readonly lineage: Buffer;
  replica: Buffer;
  sealSlot(kind: SecretKind, secret: Buffer, cost: KdfCost, label: string, created: number): Sealed;
  newDomain(label: string): Sealed[];
  newRole(role: number): Sealed;
  load(name: string, bytes: Buffer): void;
  seal(kind: string, content: Buffer): Sealed;
  open(kind: string, name: string, bytes: Buffer): Buffer;
}

export interface Index {
  readonly chunks: number;
  add(keyring: Keyring, name: string, bytes: Buffer): void;
  missing(): string[];
}

/** What a job works on; see `JobSpec` in the addon. Ids are 32 bytes, paths are bytes. */
export interface JobSpec {
  verb:
    | "backup"
    | "stream"
    | "compare"
    | "restore"
    | "list"
    | "diff"
    | "cat"
    | "dump"
    | "check"
    | "scrub";
  folder?: Buffer;
  workers: number;
  paths?: Buffer[];
  exclude?: string[];
  ignoreFile?: Buffer;
  excludeCaches?: boolean;
  oneFileSystem?: boolean;
  parentRoot?: Buffer;
  parentHints?: Buffer;
  level?: number;
  slots?: number;
  dry?: boolean;
  claim?: Buffer;
  name?: Buffer;
  command?: string[];
  seconds?: number;
  root?: Buffer;
  other?: Buffer;
  path?: Buffer;
  recurse?: boolean;
  target?: Buffer;
  delete?: boolean;
  pack?: string;
  bytes?: Buffer;
  roots?: Buffer[];
  damaged?: string[];
}

export type JobEvent =
  | { event: "put"; request: number; kind: "pack" | "index"; name: string; bytes: Buffer }
  | { event: "fetch"; request: number; name: string; offset: number; length: number }
  | { event: "rows"; bytes: Buffer }
  | { event: "trouble"; path: Buffer; message: string }
  | { event: "done"; result?: string; error?: string };

export interface Job {
  reply(request: number, error: string | null): void;
  give(request: number, bytes: Buffer | null, error: string | null): void;
  cancel(): void;
  progress(): number[];
}

export interface Native {
  Keyring: {
    generate(): Keyring;
    openSlot(bytes: Buffer, kind: SecretKind, secret: Buffer): Keyring | null;
  };
  Index: new (names: string[], lengths: number[]) => Index;
  readSlot(bytes: Buffer): { kind: number; fingerprint: string; memoryKiB: number };
  contentHash(bytes: Buffer): string;
  formatConstants(): string;
  start(keyring: Keyring, index: Index, spec: JobSpec, callback: (event: JobEvent) => void): Job;
}

function load(): Native {
  const platform = `@holdall/${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url)(platform) as Native;
  } catch (error) {
    throw new Failure(
      "internal",
      `the native core ${platform} does not load: ${(error as Error).message.split("\n")[0]}`,
      error,
    );
  }
}

export const native: Native = load();
