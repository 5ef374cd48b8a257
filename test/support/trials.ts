/** Commands killed at one call after the other, each run in a folder of its own. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Ending, type Moment, underShim } from "./shim.ts";

const SEED = Number(process.env.SEED ?? 3);

/** Where trials take place; `key` below the path is the key file. */
export interface Place {
  readonly path: string;
  readonly shim: string;
}

export interface Killed<G extends Place> {
  readonly name: string;
  /** Calls that a run makes at least, so that a shim that sees nothing is no success. */
  readonly least: number;
  /** Whether the run keeps a cache; the others would only write the same again. */
  readonly cached?: boolean;
  /** Copies what the run changes into its own folder. */
  prepare(ground: G, own: string): void;
  args(ground: G, own: string): string[];
  /** Throws when anything was lost, or the next run does not finish the work. */
  verify(ground: G, own: string, ending: Ending): Promise<void>;
}

/** One run in a folder of its own, that goes away when all was well. */
export async function run<G extends Place>(
  trial: Killed<G>,
  ground: G,
  name: string,
  moment?: Moment,
  prefix?: string[],
): Promise<{ own: string; ending: Ending }> {
  const own = join(ground.path, name);
  mkdirSync(own);
  trial.prepare(ground, own);
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: own,
    HOLDALL_REPOSITORY: join(own, "repo"),
    HOLDALL_KEYFILE: join(ground.path, "key"),
    HOLDALL_CACHE: join(own, "cache"),
  };
  const record = join(ground.path, `${name}.record`);
  const args = [...trial.args(ground, own), ...(trial.cached ? [] : ["--no-cache"])];
  return { own, ending: await underShim(ground.shim, record, args, env, moment, prefix) };
}

/** Two runs at a time, each some moments on, until one ends unkilled; returns the kills. */
export async function killEverywhere<G extends Place>(
  trial: Killed<G>,
  ground: G,
  when: Moment["when"],
  step: number,
): Promise<number> {
  let at = SEED % step;
  let kills = 0;
  let over = false;
  const lane = async () => {
    while (!over) {
      at += step;
      const moment = { when, at };
      const { own, ending } = await run(trial, ground, `${when}-${moment.at}`, moment);
      const where = `${trial.name} killed ${when} call ${moment.at} (${ending.calls.at(-1)})`;
      if (ending.killed) kills++;
      else {
        expect(ending.status, `${where}: ${ending.err}`).toBe(0);
        expect(ending.calls.length, where).toBeLessThan(moment.at);
        over = true;
      }
      await trial.verify(ground, own, ending).catch((error: unknown) => {
        throw new Error(`${where}, left in ${own}: ${(error as Error).stack}`);
      });
      execFileSync("rm", ["-rf", own]);
    }
  };
  await Promise.all([lane(), lane()]);
  return kills;
}
