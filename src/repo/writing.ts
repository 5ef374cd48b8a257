/**
 * A writer at work: backup and undelete, whatever they upload.
 *
 * Commit point: the snapshot was put and its claim then seen without a fence. A fenced writer says
 * so and begins again at once, under a new claim, with everything listed again; its first snapshot
 * stays as it is, for it holds no key that forgets.
 */
import { hex } from "../base/bytes.ts";
import { Failure, type FailureCode, toFailure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { encodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import type { Index, Sealed } from "../seam/native.ts";
import type { Listed } from "../store/store.ts";
import { drive } from "./drive.ts";
import { bareName, bareNames, objectPath } from "./layout.ts";
import type { Readable } from "./log.ts";
import { byPack } from "./marking.ts";
import { isMiss } from "./objects.ts";
import type { Action, Answer, Listing, Stored } from "./protocol/records.ts";
import { RULES } from "./protocol/rules.ts";
import { nextOfWriter, startWriter, type Writer, writerAfter } from "./protocol/writer.ts";
import { fencesHeeded, heeded, namesEvery } from "./records.ts";
import type { Repository } from "./repository.ts";
import { retain } from "./retaining.ts";

/** A writer that is fenced as often as this gives up. */
const ATTEMPTS = 10;
/** Attempts that may find something gone, unfenced, until it is believed to be missing. */
const PARTED = 3;

/** Milliseconds between looks for fences while uploading: each costs a round trip. */
const LOOK_EVERY = 30_000;

/** What one attempt may rely on. */
export interface Attempt {
  readonly claim: Buffer;
  readonly writer: Buffer;
  /** Milliseconds since 1970, when it began. */
  readonly now: number;
  /** The log as it was just before. */
  readonly known: Readable;
  /** What lies in trusted packs counts as stored; what lies in condemned ones can be read. */
  readonly index: Index;
  readonly packs: readonly Listed[];
  /** Fails with `fenced` when somebody did not wait for this writer; looks now and then only. */
  look(): Promise<void>;
}

/** Uploads what is missing and says what the snapshot holds; its claim is that of the attempt. */
export type Make = (attempt: Attempt) => Promise<Snapshot>;

/**
 * Resolves with the acknowledged snapshot. Fails with what `make` fails with, with the codes of
 * the store, and with `fenced` when prunes let it come to no end.
 */
export async function write(
  runtime: Runtime,
  repository: Repository,
  host: string,
  make: Make,
): Promise<Snapshot> {
  let parted = 0;
  for (let left = ATTEMPTS; left > 0; left--) {
    const { outcome, snapshot, gone } = await attempt(runtime, repository, host, make);
    if (gone !== null && ++parted > PARTED) throw gone;
    if (outcome === "acknowledged" && snapshot !== null) return snapshot;
    const message = gone
      ? `${gone.message}: it was taken away meanwhile, or is lost; the writer looks anew`
      : outcome === "unknown"
        ? "it is not known whether the snapshot was put: it is saved again under a new claim"
        : "a prune did not wait for this writer: it begins again under a new claim";
    runtime.emit({ event: "warning", message });
  }
  throw new Failure("fenced", `fenced ${ATTEMPTS} times in a row`);
}

interface Ended {
  readonly outcome: Writer["outcome"];
  readonly snapshot: Snapshot | null;
  /** What a sweep that this writer need not fear has taken away: a condemned pack it only read. */
  readonly gone: Failure | null;
}

/** Whether a failure may only mean that this writer's ground was taken away. */
const mayBeGround = (failure: Failure) => isMiss(failure) || failure.code === "store_io";
/**
 * Failures after which nobody knows whether a put worked; what is missing is what it was half way
 * with: a sweep takes that from a writer it has fenced.
 */
const UNSAID: readonly FailureCode[] = ["store_io", "store_down", "store_answer", "object_missing"];

async function attempt(
  runtime: Runtime,
  repository: Repository,
  host: string,
  make: Make,
): Promise<Ended> {
  const known = await repository.snapshots();
  repository.allow("write", known);
  const acts = new Acts(runtime, repository, host, known, make);
  const machine = {
    next: (w: Writer) => nextOfWriter(w, RULES),
    after: (w: Writer, answer: Answer) => writerAfter(w, answer, RULES),
  };
  // One snapshot at most is put under a claim: for the steps, the claim's id is its name as well.
  const start = startWriter(hex(acts.claim), hex(acts.claim), []);
  try {
    const { outcome } = await drive(machine, start, (action, w) => acts.act(action, w));
    return { outcome, snapshot: acts.snapshot, gone: null };
  } catch (error) {
    if (!acts.claimed || acts.tried) throw error;
    // No snapshot will be put under this claim any more, and none is in doubt.
    await repository.records.putEnd(acts.claim).catch(() => undefined);
    const failure = toFailure(error);
    const fenced =
      error === acts.stopped || (mayBeGround(failure) && (await acts.fenced().catch(() => false)));
    if (fenced) return { outcome: "fenced", snapshot: null, gone: null };
    if (!isMiss(failure)) throw error;
    return { outcome: "fenced", snapshot: null, gone: failure };
  }
}

/** What one attempt does for its steps, and what it learns on the way. */
class Acts {
  readonly claim: Buffer;
  claimed = false;
  /** The snapshot's put was begun. */
  tried = false;
  snapshot: Snapshot | null = null;
  /** Why the upload was broken off: a fence. */
  readonly stopped = new Failure("fenced", "a prune did not wait for this writer");
  private readonly runtime: Runtime;
  private readonly repository: Repository;
  private readonly host: string;
  private readonly known: Readable;
  private readonly make: Make;
  private readonly writer: Buffer;
  private readonly now: number;
  private packs: Listed[] = [];
  private trusted: Listed[] = [];
  /** A condemned list cannot be read: nothing stored is relied on. */
  private every = false;
  private index: Index | null = null;
  private sealed: Sealed | null = null;

  constructor(runtime: Runtime, repository: Repository, host: string, known: Readable, make: Make) {
    this.runtime = runtime;
    this.repository = repository;
    this.host = host;
    this.known = known;
    this.make = make;
    this.claim = runtime.random(16);
    this.writer = runtime.random(16);
    this.now = runtime.clock.now();
  }

  async act(action: Action, w: Writer): Promise<Answer> {
    switch (action.do) {
      case "put":
        return { did: "put", known: await this.put(action.record.type) };
      case "list":
        return { did: "list", found: await this.list(action.kind, w) };
      case "work":
        await this.upload();
        return { did: "work", chosen: [] };
      default:
        throw new Failure("internal", `a writer is asked to ${action.do}`);
    }
  }

  private async put(type: Stored["type"]): Promise<boolean> {
    const { records } = this.repository;
    if (type === "claim") {
      await records.putClaim(this.claim, this.writer, this.host, this.now);
      this.claimed = true;
    } else if (type === "end") {
      // Acknowledged already: an end that fails is put by nobody, and the next prune settles it.
      await records.putEnd(this.claim).catch((error: unknown) => this.say(toFailure(error)));
    } else if (this.sealed !== null) {
      this.tried = true;
      return this.putSnapshot(this.sealed);
    }
    return true;
  }

  /** False when it is not known whether the store took the record. */
  private async putSnapshot(sealed: Sealed): Promise<boolean> {
    try {
      await this.repository.putSealed("snapshot", sealed, this.claim);
      return true;
    } catch (error) {
      if (UNSAID.includes(toFailure(error).code)) return false;
      throw error;
    }
  }

  private say({ message }: Failure): void {
    this.runtime.emit({ event: "warning", message: `the claim's end was not put: ${message}` });
  }

  private async list(kind: Listing, w: Writer): Promise<readonly Stored[]> {
    const { records } = this.repository;
    switch (kind) {
      case "condemned": {
        const reads = await records.list("condemned");
        this.every = namesEvery(reads);
        for (const { name, record, reason } of reads) {
          if (record !== null || reason === "") continue;
          const message = `condemned list ${name} cannot be read, so nothing stored is relied on: ${reason}`;
          this.runtime.emit({ event: "warning", message });
        }
        return heeded(reads);
      }
      case "pack": {
        this.packs = await this.repository.list("pack");
        const names = this.every ? [] : bareNames(this.packs);
        return names.map((name) => ({ type: "pack", name }));
      }
      case "index":
        await this.load(w);
        return [];
      case "fence":
        return fencesHeeded(await records.list("fence", (id) => id === hex(this.claim)));
      case "snapshot":
        return this.doubt(w);
      default:
        throw new Failure("internal", `a writer is asked to list ${kind}`);
    }
  }

  /** An index in which only what a run places in trusted packs counts as stored. */
  private async load(w: Writer): Promise<void> {
    const relied = byPack(w, (view, pack) => RULES.relies(view, pack));
    const doubted = bareNames(this.packs).filter((name) => !relied(name));
    const runs = await this.repository.list("index");
    const { index } = await this.repository.load(runs, this.packs, { doubted });
    this.trusted = this.packs.filter((p) => relied(bareName(p.name) ?? ""));
    const unindexed = await this.repository.adopt(index, this.trusted, { all: this.known });
    await this.repository.putRuns(unindexed, this.claim);
    this.index = index;
  }

  private async upload(): Promise<void> {
    const { claim, writer, now, known, index, packs, repository } = this;
    if (index === null) throw new Failure("internal", "a writer uploads before it listed");
    let looked = now;
    const look = async () => {
      const time = this.runtime.clock.now();
      if (time - looked < LOOK_EVERY) return;
      looked = time;
      if (await this.fenced()) throw this.stopped;
    };
    const made = await this.make({ claim, writer, now, known, index, packs, look });
    await retain(this.runtime, repository, this.trusted);
    this.snapshot = { ...made, claim };
    const seal = (bytes: Buffer) => repository.keyring.seal("section", bytes);
    this.sealed = repository.keyring.seal("snapshot", encodeSnapshot(this.snapshot, seal));
  }

  async fenced(): Promise<boolean> {
    const claim = hex(this.claim);
    const reads = await this.repository.records.list("fence", (id) => id === claim);
    return RULES.fenced(claim, fencesHeeded(reads));
  }

  private async doubt(w: Writer): Promise<readonly Stored[]> {
    const listed = await this.repository.list("snapshot");
    const path = objectPath("snapshot", this.sealed?.name ?? "");
    if (!listed.some(({ name }) => name === path)) return [];
    return [{ type: "snapshot", name: w.snapshot, claim: w.claim, heads: [] }];
  }
}
