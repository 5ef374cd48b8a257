/**
 * Compaction of index runs: many small ones, and those that name packs that are gone, become few.
 *
 * Commit point: the put of the new runs; until the old ones go, readers read the same twice.
 */
import { Failure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Index } from "../seam/native.ts";
import type { Listed } from "../store/store.ts";
import { drive } from "./drive.ts";
import { bareNames, objectPath } from "./layout.ts";
import { type Compact, compactAfter, nextOfCompact, START_COMPACT } from "./protocol/compact.ts";
import type { Action, Answer, Stored } from "./protocol/records.ts";
import { RULES } from "./protocol/rules.ts";
import { removeObject } from "./removal.ts";
import type { Repository } from "./repository.ts";

/** Stored bytes from which on a run is large enough to be let be. */
const LARGE = 4 << 20;
/** Small runs that are let be. */
const FEW = 8;
/** Share of its packs that must be gone before a large run is written anew. */
const WORTH = 0.25;
const FETCHES = 8;

export interface Compacted {
  readonly before: number;
  readonly after: number;
}

/** What was made of how many runs; nothing where that is not worth it. */
export async function compact(runtime: Runtime, repository: Repository): Promise<Compacted> {
  const acts = new Acts(runtime, repository);
  const machine = {
    next: (c: Compact) => nextOfCompact(c, RULES),
    after: (c: Compact, answer: Answer) => compactAfter(c, answer, acts.named, RULES),
  };
  await drive(machine, START_COMPACT, acts.act);
  return acts.done;
}

class Acts {
  done: Compacted = { before: 0, after: 0 };
  /** Packs that the chosen runs name. */
  named: readonly string[] = [];
  private readonly runtime: Runtime;
  private readonly repository: Repository;
  private index: Index | null = null;

  constructor(runtime: Runtime, repository: Repository) {
    this.runtime = runtime;
    this.repository = repository;
  }

  readonly act = async (action: Action, c: Compact): Promise<Answer> => {
    const { repository } = this;
    switch (action.do) {
      case "list": {
        const found = action.kind === "index" ? await this.runs() : await this.packs();
        return { did: "list", found };
      }
      case "read":
        return { did: "read", gone: await this.isGone(objectPath("pack", action.pack)) };
      case "work":
        await this.merge(c);
        return { did: "work", chosen: [] };
      case "remove":
        await removeObject(repository.store, action, objectPath(action.kind, action.name));
        return { did: "remove" };
      default:
        throw new Failure("internal", `a compaction is asked to ${action.do}`);
    }
  };

  private async packs(): Promise<Stored[]> {
    const packs = await this.repository.list("pack");
    return bareNames(packs).map((name) => ({ type: "pack", name }));
  }

  /** Those worth merging; what is not listed here is neither merged nor removed. */
  private async runs(): Promise<Stored[]> {
    const all = await this.repository.list("index");
    const packs = await this.repository.list("pack");
    const there = new Set(bareNames(packs));
    const sorts = await mapBounded(all, FETCHES, (run) => this.sortOf(run, there));
    const small = all.filter((_, i) => sorts[i] === "small");
    const stale = all.filter((_, i) => sorts[i] === "stale");
    const chosen = [...(small.length > FEW || stale.length > 0 ? small : []), ...stale];
    if (chosen.length < 2 && stale.length === 0) return [];
    const { index, damaged } = await this.repository.load(chosen, [], { some: true });
    // What cannot be read cannot be merged, and stays.
    const broken = new Set(damaged.map((d) => d.name));
    const whole = chosen.filter(({ name }) => !broken.has(name));
    this.index = index;
    this.named = index.named();
    this.done = { before: whole.length, after: 0 };
    return bareNames(whole).map((name) => ({ type: "run", name }));
  }

  private async sortOf(
    run: Listed,
    there: ReadonlySet<string>,
  ): Promise<"large" | "small" | "stale"> {
    const { index } = await this.repository.load([run], [], { some: true });
    const named = index.named();
    const gone = named.filter((pack) => !there.has(pack)).length;
    const large = run.length >= LARGE;
    if (gone > (large ? named.length * WORTH : 0)) return "stale";
    return large ? "large" : "small";
  }

  private async isGone(path: string): Promise<boolean> {
    try {
      await this.repository.store.get(path, { offset: 0, length: 1 }, this.runtime.signal);
      return false;
    } catch (error) {
      if (error instanceof Failure && error.code === "object_missing") return true;
      throw error;
    }
  }

  private async merge({ gone }: Compact): Promise<void> {
    if (this.index === null) return;
    const claim = this.runtime.random(16);
    const runs = this.index.merge(this.repository.keyring, claim, [...gone]);
    // Not under a claim, which another prune would take for ended; a run is small.
    await mapBounded(runs, FETCHES, (run) => this.repository.putSealed("index", run));
    this.done = { ...this.done, after: runs.length };
  }
}
