/** `holdall ls` */
import { list, selectSnapshot, splitPath } from "../index.ts";
import { argumentBytes } from "./paths.ts";
import { printRow } from "./rows.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

export async function run(
  flags: Flags & { recursive?: boolean; long?: boolean },
  [what = "latest"]: string[],
): Promise<number> {
  const session = new Session(flags);
  const { snapshot, path } = splitPath(what);
  await using repository = await session.open();
  const found = selectSnapshot(await repository.snapshots(), snapshot, session.runtime.clock.now());
  const bytes = argumentBytes(what).subarray(
    Buffer.byteLength(snapshot) + (what === snapshot ? 0 : 1),
  );
  const at = what === snapshot ? Buffer.from(path) : bytes;
  await list(repository, found, at, flags.recursive === true, (row) =>
    printRow(row, flags.json === true, flags.long === true),
  );
  return 0;
}
