/** What `cat` and `dump` share: a path of a snapshot, written by the native core. */
import { output } from "../index.ts";
import { type SelectFlags, select } from "./select.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

export async function writeOut(
  verb: "cat" | "dump",
  flags: Flags & SelectFlags,
  [what = ""]: string[],
): Promise<number> {
  // Standard output is the file's: no JSON between its bytes, and no progress on top of them.
  const session = new Session({ ...flags, json: false, quiet: true });
  await using repository = await session.open();
  const { snapshot, path } = await select(session, repository, what, flags);
  await output(repository, snapshot, verb, path);
  return 0;
}
