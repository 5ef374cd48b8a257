/**
 * The barrier broken in one way each, from outside: by another plan, or by no barrier at all. What
 * the oracle does not see of them it would not see of the product's own mistakes.
 */
import { unitId } from "../../src/base/state.ts";
import type { Cut } from "../../src/freeze/barrier.ts";
import { bestFreezer } from "../../src/freeze/open.ts";
import type { Wave } from "../../src/freeze/plan.ts";
import { mappedBy } from "../../src/freeze/set.ts";
import { actAll } from "../../src/freeze/steps/run.ts";
import { systemRuntime } from "../../src/index.ts";
import { native } from "../../src/seam/native.ts";
import { type Copied, copyView, cutTo, type Planned } from "./cut.ts";

const now = () => Number(process.hrtime.bigint());

const withWaves = (planned: Planned, waves: readonly Wave[]): Planned => {
  const { plan } = planned;
  return { ...planned, plan: { ...plan, barrier: { ...plan.barrier, waves } } };
};

/** Everybody is stopped as ever, and no engine is asked for what it still has in its process. */
function noFlush(planned: Planned, to: string): Promise<Copied> {
  const waves = planned.plan.barrier.waves.map((wave) => ({ ...wave, handovers: [] }));
  return cutTo(withWaves(planned, waves), to);
}

/** The engines are flushed, and only then is anybody stopped. */
function flushFirst(planned: Planned, to: string): Promise<Copied> {
  const { waves } = planned.plan.barrier;
  const flushes = waves.flatMap(({ handovers }) => handovers.filter((h) => h.kind === "flush"));
  const changed = waves.map((wave, at) => ({
    ...wave,
    handovers: at === 0 ? flushes : wave.handovers.filter(({ kind }) => kind === "drain"),
  }));
  return cutTo(withWaves(planned, changed), to);
}

/** The engines are flushed, and cut while everybody goes on. */
async function noFreeze(planned: Planned, to: string): Promise<Copied> {
  const runtime = systemRuntime();
  const { instance, saved, members } = planned.options;
  const claimed = members.flatMap(({ paths }) => paths.map((path) => Buffer.from(path)));
  const prepared = await bestFreezer.prepare(runtime, planned.plan.sources, []);
  await using _ = prepared;
  const flushed = new Map<string, number>();
  for (const unit of new Set(saved.map((member) => member.unit))) {
    flushed.set(unitId(unit), now());
    if (unit.flush === null) continue;
    const scene = { runtime, root: instance.root, databases: ["1", "2", "3"], marker: "none" };
    await actAll(scene, unit.flush.steps, unit.flush.timeout);
  }
  const first = now();
  await using view = await prepared.cut(mappedBy(native.census(claimed)));
  const last = now();
  copyView(planned, view, to);
  const cut: Cut = { first, all: first, thaw: last, last, flushed, stopped: new Map(), count: 0 };
  return { cut, freezer: view.kindOf(planned.plan.sources[0] ?? "") };
}

export const CONTROLS = {
  "no freeze": noFreeze,
  "no flush": noFlush,
  "flush before the writers stand": flushFirst,
} as const;
