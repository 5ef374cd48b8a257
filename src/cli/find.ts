/** `holdall find` */
import { hex, list, type Row, selectSnapshot } from "../index.ts";
import { printRow } from "./rows.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

/** `*` and `?` stand for anything but are compared with the last name, or with a whole path. */
function matcher(pattern: string): (row: Row) => boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const whole = new RegExp(`^${source}$`, "s");
  return (row) => {
    const path = row.path.toString("utf8");
    return whole.test(pattern.includes("/") ? path : path.slice(path.lastIndexOf("/") + 1));
  };
}

export async function run(
  flags: Flags & { snapshot?: string },
  patterns: string[],
): Promise<number> {
  const session = new Session(flags);
  await using repository = await session.open();
  const all = await repository.snapshots();
  const now = session.runtime.clock.now();
  const chosen =
    flags.snapshot === undefined ? all.snapshots : [selectSnapshot(all, flags.snapshot, now)];
  const matchers = patterns.map(matcher);
  let found = 0;
  for (const snapshot of chosen) {
    await list(repository, snapshot, Buffer.from("/"), true, (row) => {
      if (!matchers.some((matches) => matches(row))) return;
      found++;
      if (!flags.json) process.stdout.write(`${hex(snapshot.id).slice(0, 8)} `);
      printRow(row, flags.json === true, false);
    });
  }
  return found > 0 ? 0 : 1;
}
