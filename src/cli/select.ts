/** Operands that name a snapshot, with or without a path. */
import { type Repository, type Snapshot, selectSnapshot, splitPath, toBytes } from "../index.ts";
import { absolute } from "./arguments.ts";
import type { Session } from "./session.ts";

export interface SelectFlags {
  host?: string;
  path?: string;
  tag?: string[];
}

/** The options that narrow `latest` and times. */
export function filterOf(flags: SelectFlags) {
  return {
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(flags.path === undefined ? {} : { path: absolute(flags.path) }),
    ...(flags.tag === undefined ? {} : { tags: flags.tag }),
  };
}

/** The snapshot of `SNAPSHOT:/path`, and the path. */
export async function select(
  session: Session,
  repository: Repository,
  operand: string,
  flags: SelectFlags,
): Promise<{ snapshot: Snapshot; path: Buffer }> {
  const { snapshot, path } = splitPath(operand);
  const all = await repository.snapshots();
  const found = selectSnapshot(all, snapshot, session.runtime.clock.now(), filterOf(flags));
  return { snapshot: found, path: toBytes(path) };
}
