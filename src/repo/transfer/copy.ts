/**
 * Bringing what one snapshot needs into another repository: packs whole and chunks sealed anew
 * under the same keys, manifests made anew under others.
 */
import { hex, unhex } from "../../base/bytes.ts";
import type { Runtime } from "../../base/runtime.ts";
import type { Section, Snapshot, Unit } from "../../format/snapshot.ts";
import { budget } from "../budget.ts";
import type { Readable } from "../log.ts";
import { ofObject } from "../objects.ts";
import type { Packing } from "../packing.ts";
import { samePaths, unitsOf } from "../units.ts";
import { copyPacks } from "./packs.ts";
import { headsThere } from "./plan.ts";
import { manifestsOf, needsOf, type Place } from "./survey.ts";

export interface CopyOptions {
  readonly workers: number;
  readonly level?: number;
  readonly memory?: number;
  readonly packing: Packing;
}

export interface CopyWork {
  readonly runtime: Runtime;
  readonly from: Place;
  readonly to: Place;
  readonly claim: Buffer;
  /** Fails when somebody did not wait for this writer. */
  look(): Promise<void>;
  readonly options: CopyOptions;
  /** Stored bytes that arrived, all in all. */
  onBytes(bytes: number): void;
}

const jobOf = ({ claim, options }: CopyWork) => ({
  claim,
  level: options.level ?? 3,
  ...budget(options.workers, options.memory),
  ...options.packing,
});

/** Stored bytes that a transfer's counters tell. */
const storedOf = ([, , stored = 0]: number[]) => stored;

/**
 * Under the same keys: packs of `whole` are copied as they are, all else chunk by chunk, which also
 * saves what can be read of a pack that is damaged. Those go into `damaged`.
 */
export async function copyChunks(
  work: CopyWork,
  snapshot: Snapshot,
  whole: ReadonlySet<string>,
  damaged: Map<string, string>,
): Promise<void> {
  const { runtime, from, to, claim } = work;
  const needs = await needsOf(from, to, [snapshot], []);
  let bytes = 0;
  const copy = {
    runtime,
    from: from.repository,
    to: to.repository,
    claim,
    look: work.look,
    onCopied(length: number) {
      bytes += length;
      work.onBytes(bytes);
    },
    onDamaged(pack: string, reason: string) {
      damaged.set(pack, reason);
    },
  };
  const packs = needs.filter(({ pack }) => whole.has(pack) && !damaged.has(pack));
  const copied = await copyPacks(copy, packs);
  const rest = new Set(copied);
  if (needs.every((n) => rest.has(n.pack))) return;
  const spec = {
    verb: "carry",
    roots: manifestsOf([snapshot]),
    whole: copied,
    ...jobOf(work),
  } as const;
  await to.repository.transfer(to.index, from, spec, {
    indexed: work.look,
    progress: (counters) => work.onBytes(bytes + storedOf(counters)),
  });
}

interface Remade {
  readonly root: string;
  readonly hints: string;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
}

/** Under other keys: the same snapshot with manifests made anew. `common` is one that both have. */
export async function remake(
  work: CopyWork,
  snapshot: Snapshot,
  common: { readonly here: Snapshot; readonly there: Snapshot } | null,
): Promise<Snapshot> {
  let bytes = 0;
  const pair = (id: string): [Unit, Unit] | null => {
    const [here, there] = [common?.here, common?.there].map((s) =>
      s === undefined ? undefined : unitsOf(s).find((u) => u.id === id),
    );
    return here && there ? [here, there] : null;
  };
  const unit = async (old: Unit): Promise<Unit> => {
    const both = pair(old.id);
    const spec = {
      verb: "remake" as const,
      roots: [old.root],
      ...(old.hints === null ? {} : { hints: [old.hints] }),
      ...(both === null ? {} : { parentRoot: both[0].root, others: [both[1].root] }),
      ...jobOf(work),
    };
    let stored = 0;
    const made = await work.to.repository.transfer<Remade>(work.to.index, work.from, spec, {
      indexed: work.look,
      progress(counters) {
        stored = storedOf(counters);
        work.onBytes(bytes + stored);
      },
    });
    bytes += stored;
    const { root, hints, ...counts } = made;
    return { ...old, ...counts, root: unhex(root), hints: unhex(hints) };
  };
  const section = async (old: Section): Promise<Section> => {
    const units: Unit[] = [];
    for (const one of old.units) units.push(await unit(one));
    return { ...old, units };
  };
  const more: Section[] = [];
  const first = await section(snapshot.section);
  for (const one of snapshot.more) more.push(await section(one));
  return { ...snapshot, section: first, more };
}

/** The newest snapshot of the same host and paths that both sides have. */
export function commonBefore(
  snapshot: Snapshot,
  source: Readable,
  there: Readable,
): { here: Snapshot; there: Snapshot } | null {
  const copies = new Map(there.snapshots.map((s) => [hex(s.id), s]));
  const same = (s: Snapshot) =>
    s.host === snapshot.host && samePaths(s.section.paths, snapshot.section.paths);
  const here = source.snapshots.filter((s) => same(s) && copies.has(hex(s.id))).at(-1);
  const copy = here && copies.get(hex(here.id));
  return here && copy ? { here, there: copy } : null;
}

/** The record as the destination is to have it: the same id, under this claim. */
export function recordThere(
  snapshot: Snapshot,
  claim: Buffer,
  source: Readable,
  there: Readable,
): Snapshot {
  const log = new Map(source.snapshots.map((s) => [hex(s.id), s.heads.map(hex)]));
  const known = new Set(there.snapshots.map((s) => hex(s.id)));
  // An attempt that was fenced may have left a record of this very snapshot.
  known.delete(hex(snapshot.id));
  return { ...snapshot, claim, heads: headsThere(snapshot.heads.map(hex), log, known).map(unhex) };
}

/** Whether a failure is of one snapshot's objects; throws what is more than that. */
export const reasonOf = (error: unknown): string => ofObject(error).message;
