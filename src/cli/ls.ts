/** `holdall ls` */
import { list } from "../index.ts";
import { rowEvent, rowText } from "./rows.ts";
import { type SelectFlags, select } from "./select.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

export async function run(
  flags: Flags & SelectFlags & { recursive?: boolean; long?: boolean },
  [what = "latest"]: string[],
): Promise<number> {
  const session = new Session(flags, "rows");
  const { output } = session;
  await using repository = await session.open();
  const { snapshot, path } = await select(session, repository, what, flags);
  await list(repository, snapshot, path, flags.recursive === true, (row) =>
    output.line(flags.json ? JSON.stringify(rowEvent(row)) : rowText(row, flags.long === true)),
  );
  session.end();
  return 0;
}
