/**
 * Condemning: what every pack is needed for, and the list of those that are to go.
 *
 * Commit point: the put of the list. Deletes nothing. What is chosen is policy, made elsewhere from
 * the facts that are gathered here.
 */
import { hex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { Contents, Index } from "../seam/native.ts";
import type { Listed } from "../store/store.ts";
import { anew, drive } from "./drive.ts";
import { bareName, bareNames, objectPath } from "./layout.ts";
import { markWhole } from "./marking.ts";
import { type Condemn, condemnAfter, nextOfCondemn, startCondemn } from "./protocol/condemn.ts";
import {
  type Action,
  type Answer,
  type Condemned,
  ofType,
  type Stored,
} from "./protocol/records.ts";
import { believed, blank, fencedFinally, namesEvery } from "./records.ts";
import type { Repository } from "./repository.ts";
import { isYoung, openClaims } from "./tidying.ts";
import { unitsOf } from "./units.ts";

const FETCHES = 8;

/** One pack that may be condemned. */
export interface PackFacts {
  readonly name: string;
  /** Stored bytes: of the object, of its blocks, and of those the part that is needed. */
  readonly length: number;
  readonly held: number;
  readonly used: number;
}

/** What a policy chooses from. */
export interface Facts {
  /** Packs in no list, of no writer that is at work. */
  readonly packs: readonly PackFacts[];
  /** Stored bytes of all packs that are there, and of those in lists already. */
  readonly bytes: number;
  readonly condemned: number;
}

export type Choose = (facts: Facts) => readonly string[];

const MACHINE = { next: nextOfCondemn, after: condemnAfter };

/**
 * The list that was put; null when there was nothing to condemn. Packs of writers at work are let
 * be; where there is nothing else, only while their claims are younger than `fenceAfter`.
 */
export async function condemn(
  runtime: Runtime,
  repository: Repository,
  choose: Choose,
  fenceAfter: number,
  dry = false,
): Promise<Condemned | null> {
  return anew(async () => {
    const acts = new Acts(runtime, repository, choose, fenceAfter, dry);
    await drive(MACHINE, startCondemn(hex(runtime.random(16))), acts.act);
    return acts.list;
  });
}

class Acts {
  list: Condemned | null = null;
  private readonly runtime: Runtime;
  private readonly repository: Repository;
  private readonly choose: Choose;
  private readonly fenceAfter: number;
  private readonly dry: boolean;
  private packs: Listed[] = [];
  private condemned = new Set<string>();
  private every = false;
  private snapshots: { name: string; snapshot: Snapshot }[] = [];

  constructor(
    runtime: Runtime,
    repository: Repository,
    choose: Choose,
    fenceAfter: number,
    dry: boolean,
  ) {
    this.runtime = runtime;
    this.repository = repository;
    this.choose = choose;
    this.fenceAfter = fenceAfter;
    this.dry = dry;
  }

  readonly act = async (action: Action, c: Condemn): Promise<Answer> => {
    switch (action.do) {
      case "list":
        return { did: "list", found: await this.listing(action.kind) };
      case "work":
        return { did: "work", chosen: await this.chosen(c) };
      case "put":
        if (action.record.type === "condemned") await this.put(action.record);
        return { did: "put", known: true };
      default:
        throw new Failure("internal", `a condemning prune is asked to ${action.do}`);
    }
  };

  private async put(record: Condemned): Promise<void> {
    const name = this.dry ? record.name : await this.repository.records.putCondemned(record);
    this.list = { ...record, name };
  }

  private async listing(kind: Extract<Action, { do: "list" }>["kind"]): Promise<Stored[]> {
    const { records, log } = this.repository;
    switch (kind) {
      case "condemned": {
        const reads = await records.list("condemned");
        this.every = namesEvery(reads);
        const lists = believed(reads);
        this.condemned = new Set(ofType(lists, "condemned").flatMap((k) => k.packs));
        return lists;
      }
      case "tombstone":
        return believed(await records.list("tombstone"));
      case "snapshot": {
        const { found, givenUp } = await log.stored();
        this.snapshots = [...found];
        const readable = found.map(({ name, snapshot }): Stored => {
          const heads = snapshot.heads.map(hex);
          return { type: "snapshot", name, claim: hex(snapshot.claim), heads };
        });
        return [...readable, ...givenUp.map(blank)];
      }
      case "pack":
        this.packs = await this.repository.list("pack");
        // With a list that cannot be read, every pack may be condemned already.
        return this.every ? [] : bareNames(this.packs).map((name) => ({ type: "pack", name }));
      default:
        throw new Failure("internal", `a condemning prune is asked to list ${kind}`);
    }
  }

  /** Marks what counts, and lets the policy choose among the packs that nobody is at work on. */
  private async chosen({ marked, packs, forgotten }: Condemn): Promise<readonly string[]> {
    const { runtime, repository, fenceAfter } = this;
    const runs = await repository.list("index");
    const doubted = [...this.condemned];
    const { index } = await repository.load(runs, this.packs, { doubted });
    const unindexed = await repository.adopt(index, this.packs, { doubted: true });
    await this.mark(index, new Set(marked));
    const possible = new Set(packs);
    const strays = new Map(unindexed.map((c) => [c.name, c]));
    const rows = usage(index).filter(({ name }) => possible.has(name));
    // Of packs that no run speaks of, only what nobody needs and nobody is at work on goes.
    const known = rows.filter(({ name, used }) => !strays.has(name) || used === 0);
    const bytes = this.packs.reduce((n, p) => n + p.length, 0);
    const gone = this.packs.filter((p) => this.condemned.has(bareName(p.name) ?? ""));
    const condemned = gone.reduce((n, p) => n + p.length, 0);
    const among = async (live: ReadonlySet<string>) => {
      const free = await mapBounded(known, FETCHES, async (row) =>
        live.size > 0 && (await this.isLive(row, strays.get(row.name), live)) ? null : row,
      );
      return this.choose({ packs: free.filter((row) => row !== null), bytes, condemned });
    };
    const open = await openClaims(repository);
    const chosen = await among(new Set(open));
    if (chosen.length > 0 || forgotten.length > 0) return chosen;
    // No list would be put, whose sweep settles old claims: nobody else ever would.
    const young = open.filter((claim) => isYoung(runtime, repository, claim, fenceAfter));
    return young.length === open.length ? chosen : among(new Set(young));
  }

  /**
   * A snapshot whose claim has its final fence counts for nothing, and what it needs may be gone.
   * Fences are listed last: packs that were there before one was put are in the listing.
   */
  private async mark(index: Index, marked: ReadonlySet<string>): Promise<void> {
    const fenced = fencedFinally(await this.repository.records.list("fence"));
    const units = this.snapshots
      .filter(({ name, snapshot }) => marked.has(name) && !fenced.has(hex(snapshot.claim)))
      .flatMap(({ snapshot }) => unitsOf(snapshot));
    await markWhole(this.repository, index, units);
  }

  /** Whether a pack is of a writer that is at work; one that does not say is let be. */
  private async isLive(
    { name, length }: PackFacts,
    stray: Contents | undefined,
    live: ReadonlySet<string>,
  ): Promise<boolean> {
    const listed = { name: objectPath("pack", name), length };
    const contents = stray ?? (await this.repository.contents(listed));
    return contents === null || live.has(contents.claim);
  }
}

function usage(index: Index): PackFacts[] {
  const { names, lengths, held, used } = index.usage();
  const facts = names.map((name, i) => ({
    name,
    length: lengths[i] ?? 0,
    held: held[i] ?? 0,
    used: used[i] ?? 0,
  }));
  // The core tells them in no order; what is done to them has one.
  return facts.sort((a, b) => (a.name < b.name ? -1 : 1));
}
