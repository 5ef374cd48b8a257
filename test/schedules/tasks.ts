/**
 * What the processes of a schedule do: the library's own verbs, on tiny sources.
 *
 * What they are told goes into the ledger, and only while they live: nobody hears a dead process.
 */
import {
  type BackupOptions,
  backup,
  check,
  Failure,
  forget,
  hex,
  prune,
  type Repository,
  type Runtime,
  restore,
  undelete,
} from "../../src/index.ts";
import { condemn } from "../../src/repo/condemning.ts";
import { sweep } from "../../src/repo/sweeping.ts";
import type { Chance } from "../support/chance.ts";
import type { Forgetting, Ledger } from "./ledger.ts";
import { difference, FILES, leftOut, SOURCE } from "./source.ts";

export interface World {
  readonly ledger: Ledger;
  /** A folder that is not there, for one restore; it is removed by who named it. */
  place(): string;
}

/** One process at work; decisions of its own are its chance's. */
export type Task = (
  runtime: Runtime,
  repository: Repository,
  world: World,
  chance: Chance,
) => Promise<void>;

export const some = (chance: Chance) => 1 + chance.below((1 << FILES) - 1);

/** The tag by which a snapshot tells what it holds, acknowledged or not. */
export const tagOf = (mask: number) => `holds ${mask}`;

export function savesOf(mask: number, host: string): BackupOptions {
  return {
    paths: [Buffer.from(SOURCE)],
    exclude: leftOut(mask),
    tags: [tagOf(mask)],
    host,
    workers: 1,
    tool: "schedule",
  };
}

export function saves(mask: number, host: string): Task {
  return async (runtime, repository, { ledger }) => {
    const { snapshot } = await backup(runtime, repository, savesOf(mask, host));
    if (!runtime.signal.aborted) ledger.promise(hex(snapshot.id), host, mask);
  };
}

/**
 * Asks the ledger first, so that nothing that may go counts as promised; tells it when it is over.
 */
async function asks(
  { ledger }: World,
  asked: Forgetting,
  act: () => Promise<unknown>,
): Promise<void> {
  ledger.ask(asked);
  await act();
  ledger.over(asked);
}

/** One snapshot that somebody was promised, whoever that was. */
export const forgetsOne: Task = async (runtime, repository, world, chance) => {
  const all = [...world.ledger.promised.keys()];
  const id = all[chance.below(all.length)];
  if (id === undefined) return;
  await asks(world, { id }, () =>
    ignoring(["no_snapshot"], () => forget(runtime, repository, { snapshots: [id] })),
  );
};

export function retains(last: number): Task {
  return async (runtime, repository, world) => {
    await asks(world, { last }, () => forget(runtime, repository, { policy: { last } }));
  };
}

export const undeletes: Task = async (runtime, repository, { ledger }) => {
  const calm = ledger.calm();
  await ignoring(["no_snapshot", "missing_object"], async () => {
    const { undeleted } = await undelete(runtime, repository, { host: "u" });
    if (!runtime.signal.aborted && calm()) for (const id of undeleted) ledger.renew(id);
  });
};

export const prunes: Task = async (runtime, repository, _world, chance) => {
  await prune(runtime, repository, {
    maxUnused: chance.pick([0, 0, 0.3]),
    wait: chance.pick([0, 0, 1500]),
    fenceAfter: chance.pick([0, 0, 3600_000]),
  });
};

/** Condemns whatever the seed says, needed or not, and sweeps it: policy is never safety. */
export const condemns: Task = async (runtime, repository, _world, chance) => {
  const share = chance.pick([0.6, 1]);
  const choose = ({ packs }: { packs: readonly { name: string }[] }) =>
    packs.map((p) => p.name).filter(() => chance.odds(share));
  const fenceAfter = chance.pick([0, 3600_000]);
  const list = await condemn(runtime, repository, choose, fenceAfter);
  if (list !== null) await sweep(runtime, repository, list, { wait: 0, fenceAfter: 0 });
};

export const checks: Task = async (runtime, repository) => {
  const { problems } = await check(runtime, repository, { read: 0 });
  const [first] = problems;
  if (first !== undefined) {
    throw new Error(`check beside others: ${first.object}: ${first.message}`);
  }
};

/** One promised snapshot; it may be forgotten meanwhile, and then need not come back. */
export const restores: Task = async (runtime, repository, { ledger, place }, chance) => {
  const kept = ledger.kept();
  const wanted = kept[chance.below(kept.length)];
  if (wanted === undefined) return;
  const { snapshots } = await repository.snapshots();
  const snapshot = snapshots.find((s) => hex(s.id) === wanted.id);
  const target = place();
  const said = async () => {
    if (snapshot === undefined) return "it is not in the log";
    const options = { path: Buffer.from(SOURCE), target, workers: 1 };
    const { troubles } = await restore(runtime, repository, snapshot, options);
    return troubles > 0 ? `${troubles} troubles` : difference(target, wanted.mask);
  };
  const wrong = await said().catch((error: unknown) => (error as Error).message);
  if (wrong !== null && !wanted.mayGo && !runtime.signal.aborted) {
    throw new Error(`restore beside others of ${wanted.id}: ${wrong}`);
  }
};

async function ignoring(codes: readonly string[], act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Failure && codes.includes(error.code))) throw error;
  }
}
