/**
 * Proves that snapshots can be restored: structure always, stored bytes with `read`. Changes
 * nothing.
 */
import { hex, pathFields } from "../base/bytes.ts";
import { toFailure } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import { decodeConfig } from "../format/config.ts";
import { bareName, objectPath } from "../repo/layout.ts";
import { isMiss, stray } from "../repo/objects.ts";
import { doubtful } from "../repo/records.ts";
import type { Repository } from "../repo/repository.ts";
import { unitsOf } from "../repo/units.ts";
import { type Index, native } from "../seam/native.ts";
import type { Listed } from "../store/store.ts";

export interface CheckOptions {
  /** Share of packs whose bytes are read, 0 to 1. */
  readonly read: number;
}

export interface CheckResult {
  readonly snapshots: number;
  readonly packs: number;
  readonly packsRead: number;
  readonly files: number;
  readonly chunks: number;
  /** Everything wrong, each with the object or path it hits. */
  readonly problems: { object: string; pathBase64?: string; message: string }[];
}

type Open = (repository: Repository, name: string, bytes: Buffer) => unknown;

/** Opening each small object as far as this repository's keys go; a slot needs its own secret. */
const OPEN: { [K in "slot" | "config" | "key"]: Open } = {
  slot: (_, __, bytes) => native.readSlot(bytes),
  config: ({ keyring }, name, bytes) => decodeConfig(keyring.open("config", name, bytes)),
  key: ({ keyring }, name, bytes) => keyring.load(name, bytes),
};

/** How often all is looked at again, when a prune changed it meanwhile. */
const AGAIN = 3;

/** Checks every snapshot; what is wrong is in the result's `problems` and fails no call. */
export async function check(
  runtime: Runtime,
  repository: Repository,
  options: CheckOptions,
): Promise<CheckResult> {
  for (let left = AGAIN; ; left--) {
    const before = await names(repository);
    const result = await once(runtime, repository, options);
    // What seems to be missing may have moved while it was looked for.
    const still = result.problems.length === 0 || before === (await names(repository));
    if (still || left === 1) return result;
  }
}

async function names(repository: Repository): Promise<string> {
  const lists = [await repository.list("snapshot"), await repository.list("pack")];
  return lists.flatMap((list) => list.map(({ name }) => name).sort()).join();
}

async function once(
  runtime: Runtime,
  repository: Repository,
  options: CheckOptions,
): Promise<CheckResult> {
  const problems: CheckResult["problems"] = [];
  for (const kind of ["slot", "config", "key"] as const) {
    await mapBounded(await repository.list(kind), 8, async ({ name }) => {
      try {
        OPEN[kind](repository, bareName(name) ?? "", await repository.get(name));
      } catch (error) {
        const failure = toFailure(error);
        if (kind === "slot" || !stray(failure)) {
          problems.push({ object: name, message: failure.message });
          return;
        }
        // What an init that was cut off left is no loss, and no one can tell it from a changed one.
        const message = `${name} is sealed under a root that nobody here has: an init was cut off, or it was changed`;
        runtime.emit({ event: "warning", message });
      }
    });
  }
  for (const kind of ["claim", "fence", "condemned", "tombstone"] as const) {
    for (const { name, reason } of doubtful(await repository.records.list(kind))) {
      const message = reason === "" ? "was not put by who may delete" : reason;
      problems.push({ object: objectPath(kind, name), message });
    }
  }
  const { snapshots, unreadable } = await repository.snapshots();
  const { index, packs, damaged, unindexed } = await repository.index({ stored: true });
  for (const bad of [...unreadable, ...damaged])
    problems.push({ object: bad.name, message: bad.reason });
  for (const { id, closed } of snapshots)
    for (const reason of closed)
      problems.push({
        object: `snapshot ${hex(id)}`,
        message: `a section does not open: ${reason}`,
      });
  const claims = new Set(snapshots.map((s) => hex(s.claim)));
  const lost = unindexed.filter(({ claim }) => claims.has(claim)).length;
  if (lost > 0) {
    const message = `no run speaks of ${lost} packs of snapshots; the next backup indexes them`;
    problems.push({ object: "index", message });
  }
  const chosen = packs.filter(() => runtime.random(4).readUInt32LE(0) / 2 ** 32 < options.read);
  const broken = await scrub(repository, index, chosen, problems);
  const roots = snapshots.flatMap((s) => unitsOf(s).map((u) => u.root));
  const result = await repository.run<{ files: number; chunks: number }>(
    index,
    { verb: "check", roots, damaged: broken, workers: 1 },
    {
      trouble(path, message) {
        const { path: object, ...exact } = pathFields(path);
        problems.push({ object, ...exact, message });
      },
    },
  );
  // A run may go on naming what a prune took; it is a loss where something is missed.
  const gone = problems.some(({ message }) => isMiss(message)) ? index.missing() : [];
  for (const name of gone)
    problems.push({ object: name, message: "pack is missing or has another length" });
  return {
    snapshots: snapshots.length,
    packs: packs.length,
    packsRead: chosen.length,
    ...result,
    problems,
  };
}

async function scrub(
  repository: Repository,
  index: Index,
  packs: Listed[],
  problems: CheckResult["problems"],
): Promise<string[]> {
  const broken: string[] = [];
  await mapBounded(packs, 2, async ({ name: path, length }) => {
    const pack = bareName(path) ?? "";
    try {
      await repository.run(index, { verb: "scrub", pack, length, workers: 1 });
    } catch (error) {
      broken.push(pack);
      problems.push({ object: path, message: toFailure(error).message });
    }
  });
  return broken;
}
