/** `holdall diff` */
import { diff, diffFolder, type Row, selectSnapshot } from "../index.ts";
import { absolute } from "./arguments.ts";
import { rowEvent, rowText } from "./rows.ts";
import { filterOf, type SelectFlags } from "./select.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

export async function run(
  flags: Flags & SelectFlags,
  [older = "", newer = ""]: string[],
): Promise<number> {
  const session = new Session(flags, "rows");
  const { output, runtime, workers } = session;
  await using repository = await session.open();
  const all = await repository.snapshots();
  const choose = (text: string) => selectSnapshot(all, text, runtime.clock.now(), filterOf(flags));
  const first = choose(older);
  const print = (row: Row) =>
    output.line(flags.json ? JSON.stringify(rowEvent(row)) : rowText(row, false));
  if (newer.includes("/")) {
    await diffFolder(runtime, repository, first, absolute(newer), workers, print);
  } else {
    await diff(repository, first, choose(newer), print);
  }
  session.end();
  return 0;
}
