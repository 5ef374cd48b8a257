/** `holdall diff` */
import { diff, diffFolder, Failure, selectSnapshot } from "../index.ts";
import { absolute } from "./paths.ts";
import { printRow } from "./rows.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

export async function run(flags: Flags, [older, newer]: string[]): Promise<number> {
  if (older === undefined || newer === undefined)
    throw new Failure("usage", "diff needs two snapshots, or a snapshot and a folder");
  const session = new Session(flags);
  await using repository = await session.open();
  const all = await repository.snapshots();
  const now = session.runtime.clock.now();
  const first = selectSnapshot(all, older, now);
  const print = (row: Parameters<typeof printRow>[0]) => printRow(row, flags.json === true, false);
  if (newer.includes("/")) {
    await diffFolder(session.runtime, repository, first, absolute(newer), session.workers, print);
  } else {
    await diff(repository, first, selectSnapshot(all, newer, now), print);
  }
  return 0;
}
