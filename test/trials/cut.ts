/** One cut by the product, or by what a control makes of its plan. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cut } from "../../src/freeze/barrier.ts";
import type { View } from "../../src/freeze/freezer.ts";
import { makeStill, type StillOptions, type StillPlan } from "../../src/freeze/instance.ts";
import { systemRuntime } from "../../src/index.ts";
import { planCut } from "../demo/saved.ts";

/** What a backup would stop and cut now. */
export interface Planned {
  readonly root: string;
  readonly options: StillOptions;
  readonly plan: StillPlan;
}

export async function planned(root: string): Promise<Planned> {
  const { options, plan } = (await planCut(systemRuntime(), root)).planned;
  return { root, options, plan };
}

/** Everything that was to be saved, as a View has it, below another root. */
export function copyView({ root, plan }: Planned, view: View, to: string): void {
  for (const source of plan.sources) {
    const from = view.at(source);
    if (!existsSync(from)) continue;
    const into = join(to, relative(root, source));
    mkdirSync(dirname(into), { recursive: true });
    execFileSync("cp", ["-a", "--sparse=always", from, into]);
  }
}

export interface Copied {
  readonly cut: Cut;
  readonly freezer: string;
}

/** Stops, cuts, continues; what was cut is copied when everybody has gone on for a while. */
export async function cutTo(now: Planned, to: string): Promise<Copied> {
  const { view, cut } = await makeStill(systemRuntime(), now.options, now.plan);
  await using _ = view;
  await sleep(100);
  copyView(now, view, to);
  return { cut, freezer: view.kindOf(now.plan.sources[0] ?? "") };
}
