/**
 * The sweep of one condemned list: carries out its steps; which claims it waits for is policy.
 *
 * Commit point: the removal of the list. Killed before, whoever sweeps it next goes on.
 */
import { hex, unhex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { allow } from "../format/flags.ts";
import type { Unit } from "../format/snapshot.ts";
import type { Index } from "../seam/native.ts";
import type { Listed } from "../store/store.ts";
import { anew, drive } from "./drive.ts";
import { bareNames, objectPath, uploadId } from "./layout.ts";
import { needsUnknown } from "./log.ts";
import { byPack, markWhole } from "./marking.ts";
import { packing } from "./packing.ts";
import {
  type Action,
  type Answer,
  type Condemned,
  ofType,
  type Stored,
} from "./protocol/records.ts";
import { RULES } from "./protocol/rules.ts";
import { nextOfSweep, type Sweep, startSweep, sweepAfter, sweepTrusts } from "./protocol/sweep.ts";
import { believed, blank, claimsOf, fencedFinally, namesEvery, type Small } from "./records.ts";
import { removeObject } from "./removal.ts";
import type { Repository } from "./repository.ts";
import { isYoung } from "./tidying.ts";
import { unitsOf } from "./units.ts";

/** How long a prune lets writers work; nothing safe depends on it. */
export interface Patience {
  /** Milliseconds to wait for open claims to end. */
  readonly wait: number;
  /** A claim is fenced that is still open and as old as this, in milliseconds, or dated ahead. */
  readonly fenceAfter: number;
}

export interface Swept {
  readonly packs: number;
  readonly snapshots: number;
  /** Plaintext bytes copied to safety, and what they take. */
  readonly copied: number;
  readonly stored: number;
}

/** Somebody is still at work, and is not to be fenced yet. */
export class Busy extends Failure {
  readonly hosts: readonly string[];

  constructor(hosts: readonly string[]) {
    super("claims_open", `writers are at work: ${hosts.join(", ")}`);
    this.hosts = hosts;
  }
}

const PAUSE = 500;
/** Packs that a copy fills and sends at once. */
const SLOTS = 4;
/** `packSize` is in MiB. Null when another sweep had brought it to its end before. */
export async function sweep(
  runtime: Runtime,
  repository: Repository,
  list: Condemned,
  patience: Patience,
  packSize?: number,
): Promise<Swept | null> {
  return anew(async () => {
    const acts = new Acts(runtime, repository, list, patience, packSize);
    const end = await drive(MACHINE, startSweep(hex(runtime.random(16)), list), acts.act);
    return conclude(end, acts);
  });
}

const MACHINE = {
  next: (s: Sweep) => nextOfSweep(s, RULES),
  after: (s: Sweep, answer: Answer) => sweepAfter(s, answer, RULES),
};

function conclude({ outcome }: Sweep, acts: Acts): Swept | null {
  if (outcome === "snapshots missing") {
    throw new Failure(
      "missing_object",
      "snapshots that should be there are not, and nobody forgot them; nothing is removed",
    );
  }
  return outcome === "swept by another" ? null : acts.swept();
}

/** A snapshot's own id, as a name beside that of its object: heads are told by it. */
const alias = (id: Buffer | string) => `#${typeof id === "string" ? id : hex(id)}`;

class Acts {
  private readonly runtime: Runtime;
  private readonly repository: Repository;
  private readonly list: Condemned;
  private readonly patience: Patience;
  private readonly packSize: number | undefined;
  private every = false;
  private packs: Listed[] = [];
  private index: Index | null = null;
  private readonly units = new Map<string, readonly Unit[]>();
  private toCopy = 0;
  private copied = { copied: 0, stored: 0 };

  constructor(
    runtime: Runtime,
    repository: Repository,
    list: Condemned,
    patience: Patience,
    packSize: number | undefined,
  ) {
    this.runtime = runtime;
    this.repository = repository;
    this.list = list;
    this.patience = patience;
    this.packSize = packSize;
  }

  swept(): Swept {
    const { packs, tombstones } = this.list;
    return { packs: packs.length, snapshots: tombstones.length, ...this.copied };
  }

  readonly act = async (action: Action, s: Sweep): Promise<Answer> => {
    switch (action.do) {
      case "put":
        await this.put(action.record);
        return { did: "put", known: true };
      case "list":
        return { did: "list", found: await this.listing(action.kind, s) };
      case "read":
        return { did: "read", gone: await this.read(action.pack) };
      case "remove":
        await removeObject(this.repository.store, action, objectPath(action.kind, action.name));
        return { did: "remove" };
      case "work":
        await this.copy();
        return { did: "work", chosen: [] };
      default:
        throw new Failure("internal", `a sweep is asked to ${action.do}`);
    }
  };

  private put(record: Stored): Promise<void> {
    const { records } = this.repository;
    switch (record.type) {
      case "intent":
      case "withdrawn":
        return records.putIntent(record.type, record.claim, record.sweep);
      case "fence":
        return records.putFence(record.claim);
      default:
        throw new Failure("internal", `a sweep is asked to put a ${record.type}`);
    }
  }

  private async listing(kind: Extract<Action, { do: "list" }>["kind"], s: Sweep) {
    const { records } = this.repository;
    switch (kind) {
      case "claim":
        return this.claims();
      case "fence":
        return believed(await records.list("fence"));
      case "condemned": {
        const reads = await records.list("condemned");
        this.every = namesEvery(reads);
        return believed(reads);
      }
      case "pack": {
        this.packs = await this.repository.list("pack");
        const names = this.every ? [] : bareNames(this.packs);
        return names.map((name): Stored => ({ type: "pack", name }));
      }
      case "snapshot":
        // The look decides alone, for a claim whose end was retired meanwhile: on no one listing.
        return s.open.length === 0
          ? this.snapshots()
          : [...(await this.snapshots()), ...(await this.snapshots())];
      case "tombstone":
        return this.tombstones();
      case "index":
        await this.mark(s);
        return [];
    }
  }

  /**
   * One listing, which takes its time: claims as they were when it began, ends as they are when it
   * is over. Whoever claims meanwhile has seen the list, and is not waited for.
   */
  private async claims(): Promise<Small[]> {
    const { records } = this.repository;
    const { now, sleep } = this.runtime.clock;
    const until = now() + this.patience.wait;
    const first = claimsOf(await records.list("claim"));
    const over = fencedFinally(await records.list("fence"));
    let said = false;
    for (;;) {
      const ends = ofType(claimsOf(await records.list("claim")), "end");
      for (const { claim } of ends) over.add(claim);
      const young = ofType(first, "claim").filter(
        ({ claim }) =>
          !over.has(claim) &&
          isYoung(this.runtime, this.repository, claim, this.patience.fenceAfter),
      );
      if (young.length === 0) return [...ofType(first, "claim"), ...ends];
      const hosts = young.map((c) => records.factsOf(c.claim)?.host ?? "?");
      if (now() >= until) throw new Busy(hosts);
      if (!said) {
        const message = `waits for writers at work: ${hosts.join(", ")}`;
        this.runtime.emit({ event: "warning", message });
      }
      said = true;
      await sleep(Math.min(PAUSE, Math.max(1, until - now())));
    }
  }

  private async snapshots(): Promise<Stored[]> {
    const { found, unreadable, givenUp } = await this.repository.log.stored();
    const [bad] = unreadable;
    if (bad !== undefined) throw needsUnknown(bad);
    const unread = givenUp.flatMap((name) => [name, alias(uploadId(name))].map(blank));
    const readable = found.flatMap(({ name, snapshot }): Stored[] => {
      allow("prune", snapshot.flags, `snapshot ${hex(snapshot.id).slice(0, 8)}`);
      const claim = hex(snapshot.claim);
      if (snapshot.closed.length > 0) {
        const message = `a section of snapshot ${hex(snapshot.id).slice(0, 8)} does not open, so nobody knows what it needs; nothing is removed`;
        throw new Failure("snapshots_unreadable", message);
      }
      this.units.set(name, unitsOf(snapshot));
      const heads = snapshot.heads.map(alias);
      const kept = { type: "snapshot", claim } as const;
      return [
        { ...kept, name, heads },
        { ...kept, name: alias(snapshot.id), heads: [] },
      ];
    });
    return [...readable, ...unread];
  }

  private async tombstones(): Promise<Stored[]> {
    const reads = await this.repository.records.list("tombstone");
    return reads.flatMap(({ id, record, authorised }): Stored[] => {
      if (record?.type !== "tombstone" || authorised === false) return [];
      return [record, { type: "tombstone", snapshot: alias(id) }];
    });
  }

  /** Marks what counts, in an index that trusts what this sweep trusts. */
  private async mark(s: Sweep): Promise<void> {
    const { repository } = this;
    // The rule of keepers.
    const keeps = byPack(s, (view, pack) => sweepTrusts({ ...s, ...view }, pack, RULES));
    const doubted = bareNames(this.packs).filter((name) => !keeps(name));
    const runs = await repository.list("index");
    const { index } = await repository.load(runs, this.packs, { doubted });
    await repository.adopt(index, this.packs, { doubted: true });
    const counted = s.counted.flatMap((name) => this.units.get(name) ?? []);
    await markWhole(repository, index, counted);
    this.index = index;
  }

  /** What a pack itself says is in it; true when it is gone. */
  private async read(pack: string): Promise<boolean> {
    const { repository, index } = this;
    if (index === null) throw new Failure("internal", "a sweep reads packs before it marked");
    const path = objectPath("pack", pack);
    const listed = this.packs.find((p) => p.name === path) ?? (await repository.pack(path));
    if (listed === null) return true;
    const contents = await repository.contents(listed);
    if (contents !== null) {
      this.toCopy += index.leave(contents);
      return false;
    }
    if ((await repository.pack(path)) === null) return true;
    throw new Failure(
      "damaged",
      `${path} does not say what is in it; it and its list are left alone`,
    );
  }

  private async copy(): Promise<void> {
    if (this.toCopy === 0 || this.index === null) return;
    const claim = unhex(uploadId(this.list.name));
    const sizes = packing(this.packs, this.packSize);
    const spec = { verb: "copy", workers: 1, slots: SLOTS, claim, ...sizes } as const;
    this.copied = await this.repository.run<typeof this.copied>(this.index, spec);
  }
}
