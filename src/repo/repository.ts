/**
 * A store opened with a key; the only thing that knows object names and sealing.
 *
 * Invariants: an object is read only when its bytes are what its name says; one damaged object
 * never stops what does not need it; nothing here removes or replaces an object.
 */
import { type Body, bytesOf, partOf } from "../base/body.ts";
import { hex } from "../base/bytes.ts";
import type { Phase } from "../base/event.ts";
import { toFailure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Config } from "../format/config.ts";
import { allow, type Operation } from "../format/flags.ts";
import { type JobStore, type JobWatch, runJob, runTransfer } from "../seam/job.ts";
import { type Contents, type Index, type JobSpec, type Keyring, native } from "../seam/native.ts";
import type { DurableToken, Listed, Store } from "../store/store.ts";
import type { Cache } from "./cache.ts";
import { bareName, bareNames, isLasting, type Kind, objectPath } from "./layout.ts";
import { Log, type Readable } from "./log.ts";
import { getChecked, isMiss, listAll, ofObject } from "./objects.ts";
import { spoolFolder } from "./packing.ts";
import { Records } from "./records.ts";
import type { Unlocked } from "./unlock.ts";

const FETCHES = 8;
/** Bytes of packs of pages that the cache keeps. */
const MOST_PAGES = 512 << 20;
/** Bytes of one that it keeps at most: more is not copied in memory. */
const PAGE_PACK = 16 << 20;
/** Locator and header at a pack's end, in bytes. */
const PACK_TAIL = 112;
/** Most packs that one run made of contents speaks of. */
const RUN_PACKS = 256;

export interface IndexOptions {
  /** Every run is read from the store, whatever the cache has. */
  readonly stored?: boolean;
}

export interface AdoptOptions {
  /**
   * For who writes: packs that no run speaks of count only when one of these snapshots was made
   * under their claim. Of others that are listed nobody knows yet whether they are durable.
   */
  readonly all?: Readable;
  /** Nothing new may rely on what is adopted. */
  readonly doubted?: boolean;
}

export interface LoadOptions {
  readonly stored?: boolean;
  /** Packs that can be read, and that nothing new may rely on. */
  readonly doubted?: readonly string[];
  /** These are not all runs that there are: the cache keeps the others, too. */
  readonly some?: boolean;
}

export interface Indexed {
  readonly index: Index;
  readonly runs: Listed[];
  readonly packs: Listed[];
  readonly damaged: { name: string; reason: string }[];
  /** Packs that count though no run speaks of them. */
  readonly unindexed: readonly Contents[];
}

/** What is stored, and the name that it says. */
export interface Stored {
  readonly name: string;
  readonly bytes: Body;
}

export interface RepositoryWatch extends JobWatch {
  /** After each run that became durable; the job fails with what this fails with. */
  indexed?(): Promise<void>;
}

export class Repository implements AsyncDisposable {
  readonly store: Store;
  readonly keyring: Keyring;
  /** The newest generation; its retired slots are those of all generations. */
  readonly config: Config;
  /** Path of the key slot that opened it. */
  readonly slot: string;
  readonly records: Records;
  readonly log: Log;
  readonly cache: Cache | null;
  /** Where jobs find packs of pages; null where they are to ask the store. */
  private readonly pages: Cache | null;
  private readonly runtime: Runtime;
  private phase: Phase | undefined;

  constructor(
    store: Store,
    unlocked: Unlocked,
    cache: Cache | null,
    runtime: Runtime,
    pages: Cache | null = null,
  ) {
    this.store = store;
    this.keyring = unlocked.keyring;
    this.config = unlocked.config;
    this.slot = unlocked.slot;
    this.records = new Records(store, unlocked.keyring, runtime);
    this.log = new Log(store, unlocked.keyring, this.records, cache, runtime);
    this.cache = cache;
    this.pages = pages;
    this.runtime = runtime;
  }

  private enter(phase: Phase): void {
    if (phase !== this.phase) this.runtime.emit({ event: "phase", phase });
    this.phase = phase;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }

  /** Seals and stores a record, under a claim if there is one; resolves when it is durable. */
  async put(kind: Kind, type: string, content: Buffer, claim?: Buffer): Promise<DurableToken> {
    return this.putSealed(kind, this.keyring.seal(type, content), claim);
  }

  async putSealed(kind: Kind, { name, bytes }: Stored, claim?: Buffer): Promise<DurableToken> {
    const { signal } = this.runtime;
    const [path, lasting] = [objectPath(kind, name), isLasting(kind)];
    const token = await this.store.put(path, bytes, signal, claim && hex(claim), lasting);
    // Whoever loads it next need not read it.
    const kept = kind === "index" ? this.cache?.path("index", name) : undefined;
    if (kept) new native.Index([], []).add(this.keyring, name, await bytesOf(bytes), kept);
    return token;
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

  /** All snapshots that count, oldest first, and what could not be read of them. */
  snapshots(): Promise<Readable> {
    return this.log.read();
  }

  /**
   * Where every chunk is. Packs are listed after the runs were, so a run never names a pack that
   * the listing should have had but was made too early to have.
   */
  async index({ stored = false }: IndexOptions = {}): Promise<Indexed> {
    const runs = await this.list("index");
    const packs = await this.list("pack");
    const loaded = await this.load(runs, packs, { stored });
    const unindexed = await this.adopt(loaded.index, packs);
    return { ...loaded, unindexed };
  }

  /**
   * Reads by an index; on a miss everything is listed again, as long as that shows other packs.
   * `act` says whether it missed something that it did not fail for.
   */
  async reading<T>(act: (index: Index) => Promise<{ result: T; missed: boolean }>): Promise<T> {
    let indexed = await this.index();
    for (;;) {
      const done = await act(indexed.index).catch((error: unknown) => {
        if (isMiss(toFailure(error))) return { error };
        throw error;
      });
      if ("result" in done && !done.missed) return done.result;
      const again = await this.index();
      const names = (list: readonly Listed[]) =>
        list
          .map((p) => p.name)
          .sort()
          .join();
      if (names(again.packs) === names(indexed.packs)) {
        if ("error" in done) throw done.error;
        return done.result;
      }
      indexed = again;
    }
  }

  /** An index of what these runs say of these packs. */
  async load(
    runs: Listed[],
    packs: Listed[],
    { stored = false, doubted = [], some = false }: LoadOptions = {},
  ): Promise<Omit<Indexed, "unindexed">> {
    this.enter("index");
    const names = bareNames(packs);
    const lengths = packs.map((p) => p.length);
    const index = new native.Index(names, lengths, [...doubted]);
    const damaged: { name: string; reason: string }[] = [];
    await mapBounded(runs, FETCHES, async ({ name: path }) => {
      const name = bareName(path) ?? "";
      const kept = this.cache?.path("index", name);
      if (kept && !stored && index.addCached(kept)) return;
      try {
        index.add(this.keyring, name, await this.get(path), kept);
      } catch (error) {
        const failure = ofObject(error);
        // Compacted since it was listed: other runs say the same, or else the packs themselves.
        if (failure.code !== "object_missing") {
          damaged.push({ name: path, reason: failure.message });
        }
      }
    });
    if (!some) {
      const now = this.runtime.clock.now();
      await this.cache?.dropOthers("index", new Set(bareNames(runs)), now);
      await this.pages?.dropOthers("page", new Set(names), now, MOST_PAGES);
    }
    return { index, runs, packs, damaged };
  }

  /** What a lost or unreadable run said, the packs that no run speaks of say themselves. */
  async adopt(
    index: Index,
    packs: Listed[],
    { all, doubted = false }: AdoptOptions = {},
  ): Promise<Contents[]> {
    const names = new Set(index.unlisted().map((name) => objectPath("pack", name)));
    if (names.size === 0) return [];
    const unlisted = packs.filter(({ name }) => names.has(name));
    const found = await mapBounded(unlisted, FETCHES, (pack) => this.contents(pack));
    const whole = found.filter((c) => c !== null);
    const proven = new Set(all?.snapshots.map((s) => hex(s.claim)));
    const good = whole.filter(({ claim }) => all === undefined || proven.has(claim));
    for (const contents of good) index.addContents(contents, doubted);
    return good;
  }

  /** A pack by its path, whatever a listing says; null when it is gone. */
  async pack(path: string): Promise<Listed | null> {
    try {
      return { name: path, length: (await this.store.get(path)).length };
    } catch (error) {
      if (ofObject(error).code === "object_missing") return null;
      throw error;
    }
  }

  /** The contents of one pack, of which no more is read; null when they are damaged or gone. */
  contents({ name: path, length }: Listed): Promise<Contents | null> {
    const { signal } = this.runtime;
    return this.openContents(bareName(path) ?? "", length, (offset, end) =>
      this.store.get(path, { offset, length: end - offset }, signal),
    );
  }

  /** The contents of a pack whose bytes are here; null when they are damaged. */
  contentsOf({ name, bytes }: Stored): Promise<Contents | null> {
    return this.openContents(name, bytes.length, (at, end) => bytesOf(partOf(bytes, at, end)));
  }

  private async openContents(
    name: string,
    length: number,
    read: (offset: number, end: number) => Promise<Buffer>,
  ): Promise<Contents | null> {
    try {
      const at = length - PACK_TAIL;
      if (at < 0) return null;
      const tail = await read(at, length);
      const sealed = await read(native.Contents.start(this.keyring, length, tail), at);
      return native.Contents.open(this.keyring, name, length, tail, sealed);
    } catch (error) {
      // Whatever lies in it is missed by whoever needs it.
      ofObject(error);
      return null;
    }
  }

  /** Puts index runs that speak of these packs, so that nobody has to read their contents again. */
  async putRuns(packs: readonly Contents[], claim: Buffer): Promise<void> {
    const domains = new Map<string, Contents[]>();
    for (const pack of packs) domains.set(pack.domain, [...(domains.get(pack.domain) ?? []), pack]);
    for (const own of domains.values()) {
      for (let at = 0; at < own.length; at += RUN_PACKS) {
        const part = own.slice(at, at + RUN_PACKS);
        await this.putSealed("index", native.sealRun(this.keyring, claim, part), claim);
      }
    }
  }

  private putOf({ claim }: JobSpec, watch: RepositoryWatch): JobStore["put"] {
    return async (kind, name, bytes, pages) => {
      await this.putSealed(kind, { name, bytes }, claim);
      if (pages && bytes.length <= PAGE_PACK) {
        await this.pages?.keep("page", name, await bytesOf(bytes), this.runtime.random(8));
      }
      if (kind === "index") await watch.indexed?.();
    };
  }

  /** What a job reads: blocks, each compared with its tag, wherever its bytes come from. */
  private async range(
    pack: string,
    offset: number,
    length: number,
    near: boolean,
  ): Promise<Buffer> {
    const kept = near ? await this.pages?.range("page", pack, offset, length) : null;
    const { signal } = this.runtime;
    return kept ?? this.store.get(objectPath("pack", pack), { offset, length }, signal);
  }

  /** Runs a native job against this repository. */
  run<T>(index: Index, spec: JobSpec, watch: RepositoryWatch = {}): Promise<T> {
    this.enter(PHASES[spec.verb] ?? "read");
    const folder = this.store.folder;
    const own = { keyring: this.keyring, index };
    const full = {
      ...spec,
      ...(folder === null ? {} : { folder: Buffer.from(folder) }),
      spool: spoolFolder(this.cache),
    };
    const near = NEAR.includes(spec.verb);
    const store = {
      put: this.putOf(spec, watch),
      fetch: (pack: string, offset: number, length: number) =>
        // Who tries a whole pack wants what the store has now, and nothing kept of it.
        spec.verb === "scrub" && length === spec.length
          ? this.store.get(objectPath("pack", pack), undefined, this.runtime.signal)
          : this.range(pack, offset, length, near),
    };
    return runJob<T>(own, full, store, watch, this.runtime.signal);
  }

  /** Runs a native job that reads another repository and writes this one. */
  transfer<T>(
    index: Index,
    from: { readonly repository: Repository; readonly index: Index },
    spec: JobSpec,
    watch: RepositoryWatch = {},
  ): Promise<T> {
    this.enter("sync");
    const { signal } = this.runtime;
    const [own, other] = [this.store.folder, from.repository.store.folder];
    const full = {
      ...spec,
      ...(own === null ? {} : { folder: Buffer.from(own) }),
      ...(other === null ? {} : { otherFolder: Buffer.from(other) }),
      spool: spoolFolder(this.cache),
    };
    const store = {
      put: this.putOf(spec, watch),
      fetch: (pack: string, offset: number, length: number, others: boolean) =>
        (others ? from.repository : this).range(pack, offset, length, true),
    };
    const source = { keyring: from.repository.keyring, index: from.index };
    return runTransfer<T>(source, { keyring: this.keyring, index }, full, store, watch, signal);
  }
}

/** Verbs that only want the pages; any other also wants to know whether the store has them. */
const NEAR = ["backup", "compare", "restore", "list", "diff", "cat", "dump", "survey"];

const PHASES: Partial<Record<JobSpec["verb"], Phase>> = {
  backup: "save",
  stream: "save",
  restore: "restore",
  check: "check",
  mark: "mark",
  copy: "copy",
};
