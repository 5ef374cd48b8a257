/** What `cat` and `dump` share: a path of a snapshot, written by the native core. */
import { Failure, output, selectSnapshot, splitPath } from "../index.ts";
import { argumentBytes } from "./paths.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

export async function writeOut(
  verb: "cat" | "dump",
  flags: Flags,
  [what]: string[],
): Promise<number> {
  if (what === undefined)
    throw new Failure("usage", `${verb} needs a snapshot and a path, such as latest:/etc`);
  const session = new Session({ ...flags, quiet: true });
  const { snapshot, path } = splitPath(what);
  await using repository = await session.open();
  const found = selectSnapshot(await repository.snapshots(), snapshot, session.runtime.clock.now());
  const at =
    what === snapshot
      ? Buffer.from(path)
      : argumentBytes(what).subarray(Buffer.byteLength(snapshot) + 1);
  await output(repository, found, verb, at);
  return 0;
}
