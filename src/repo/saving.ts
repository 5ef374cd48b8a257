/** Saves one state unit: its ingest job, and what the snapshot is to say of it. */
import { pathFields, unhex } from "../base/bytes.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Answers } from "../base/state.ts";
import type { Rule, Section, Unit } from "../format/section.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { JobWatch } from "../seam/job.ts";
import type { Index, JobSpec } from "../seam/native.ts";
import type { Repository } from "./repository.ts";
import { sectionsOf } from "./units.ts";

/** A folder that is read elsewhere: where what it was stands still. */
export interface ViewPath {
  readonly path: Buffer;
  readonly view: Buffer;
}

/** One state unit of one context, and how it is to be saved. */
export interface UnitPlan {
  /** Unique in its context. */
  readonly id: string;
  readonly context: string;
  readonly class: Unit["class"];
  readonly engine: string;
  readonly engineFormat?: string;
  readonly schema?: string;
  /** Absolute, each with everything below it. */
  readonly paths: readonly Buffer[];
  /** Gitignore patterns, anchored at the root of the file system. */
  readonly exclude?: readonly string[];
  readonly noSockets?: boolean;
  readonly views?: readonly ViewPath[];
  /** What is left out, as the snapshot remembers it. */
  readonly rules: readonly Rule[];
  readonly consistency: Unit["consistency"];
  readonly cut: Unit["cut"];
  /** What it said on a clone of the cut; absent where it was not asked. */
  readonly answers?: Answers;
}

export interface Saved {
  readonly plan: UnitPlan;
  readonly unit: Unit;
  readonly users: [number, string][];
  readonly groups: [number, string][];
  readonly troubles: [Buffer, string][];
}

interface Outcome {
  root: string;
  hints: string;
  entries: number;
  files: number;
  bytes: number;
  users: [number, string][];
  groups: [number, string][];
}

/** Files, bytes read, bytes known to be unchanged, new bytes, stored bytes. */
export type Counters = readonly [number, number, number, number, number];

export const plus = (a: Counters, b: readonly number[]): Counters => {
  const sum = (i: 0 | 1 | 2 | 3 | 4) => a[i] + (b[i] ?? 0);
  return [sum(0), sum(1), sum(2), sum(3), sum(4)];
};

/** The unit of a plan's id and context in a snapshot. */
export function unitIn(snapshot: Snapshot | null, plan: UnitPlan): Unit | undefined {
  return (snapshot === null ? [] : sectionsOf(snapshot))
    .find((section) => section.context === plan.context)
    ?.units.find((unit) => unit.id === plan.id);
}

/** Runs the job; resolves when everything of the unit is durable. */
export async function saveUnit(
  runtime: Runtime,
  repository: Repository,
  index: Index,
  plan: UnitPlan,
  rest: Omit<JobSpec, "paths" | "exclude" | "parentRoot" | "parentHints">,
  parent: Unit | undefined,
  watch: Omit<JobWatch, "trouble">,
): Promise<Saved> {
  const troubles: [Buffer, string][] = [];
  const spec: JobSpec = {
    ...rest,
    paths: [...plan.paths],
    exclude: [...(plan.exclude ?? [])],
    noSockets: plan.noSockets ?? false,
    views: [...(plan.views ?? [])],
    ...(parent ? { parentRoot: parent.root } : {}),
    ...(parent?.hints ? { parentHints: parent.hints } : {}),
  };
  const outcome = await repository.run<Outcome>(index, spec, {
    ...watch,
    trouble(path, message) {
      troubles.push([path, message]);
      runtime.emit({ event: "trouble", ...pathFields(path), message });
    },
  });
  const { root, hints, users, groups, ...counts } = outcome;
  const unit: Unit = {
    id: plan.id,
    class: plan.class,
    engine: plan.engine,
    engineFormat: plan.engineFormat ?? "",
    schema: plan.schema ?? "",
    consistency: plan.consistency,
    cut: plan.cut,
    root: unhex(root),
    hints: unhex(hints),
    ...counts,
    ...(plan.answers === undefined ? {} : { answers: plan.answers }),
  };
  return { plan, unit, users, groups, troubles };
}

/** Numbers and names, each number once. */
function owners(lists: readonly [number, string][][]): [number, string][] {
  return [...new Map(lists.flat())].sort(([a], [b]) => a - b);
}

/** Sections of what was saved, one for each context, in the order in which contexts came. */
export function toSections(saved: readonly Saved[], tags: readonly string[]): Section[] {
  const contexts = [...new Set(saved.map(({ plan }) => plan.context))];
  return contexts.map((context) => {
    const own = saved.filter(({ plan }) => plan.context === context);
    return {
      context,
      paths: own.flatMap(({ plan }) => plan.paths),
      tags: [...tags],
      rules: own.flatMap(({ plan }) => plan.rules),
      units: own.map(({ unit }) => unit),
      users: owners(own.map((s) => s.users)),
      groups: owners(own.map((s) => s.groups)),
      troubles: own.flatMap((s) => s.troubles),
    };
  });
}
