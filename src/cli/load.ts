/** Where each verb's code lies; only the one that runs is imported. */
import type { Flags } from "./settings.ts";

export type Run = (
  flags: Flags & Record<string, unknown>,
  operands: string[],
  command: string[],
) => Promise<number>;

export const LOAD: Readonly<Record<string, () => Promise<{ run: Run }>>> = {
  init: () => import("./init.ts"),
  backup: () => import("./backup.ts"),
  inventory: () => import("./inventory.ts"),
  snapshots: () => import("./snapshots.ts"),
  ls: () => import("./ls.ts"),
  find: () => import("./find.ts"),
  diff: () => import("./diff.ts"),
  cat: () => import("./cat.ts"),
  dump: () => import("./dump.ts"),
  restore: () => import("./restore.ts"),
  forget: () => import("./forget.ts"),
  undelete: () => import("./undelete.ts"),
  prune: () => import("./prune.ts"),
  check: () => import("./check.ts"),
  sync: () => import("./sync.ts"),
  stats: () => import("./stats.ts"),
  doctor: () => import("./doctor.ts"),
  key: () => import("./key.ts"),
  thaw: () => import("./thaw.ts"),
  cache: () => import("./cache.ts"),
  completion: () => import("./completion.ts"),
  man: () => import("./man.ts"),
};
