/** `holdall find` */
import { Failure, filterSnapshots, hex, list, parseTime, type Row, toText } from "../index.ts";
import { byteCount } from "./arguments.ts";
import { rowEvent, rowText } from "./rows.ts";
import { filterOf, type SelectFlags, select } from "./select.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

interface FindFlags extends Flags, SelectFlags {
  snapshot?: string;
  ignoreCase?: boolean;
  larger?: string;
  newer?: string;
}

type Match = (row: Row) => boolean;

/** `*` and `?` stand for anything; without a slash the pattern is compared with the last name. */
function byName(pattern: string, ignoreCase: boolean): Match {
  const source = pattern
    .replace(/[.+^${}()|[\]\\/]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const whole = new RegExp(`^${source}$`, ignoreCase ? "sui" : "su");
  return (row) => {
    const path = toText(row.path);
    return whole.test(pattern.includes("/") ? path : path.slice(path.lastIndexOf("/") + 1));
  };
}

function matcher(flags: FindFlags, patterns: string[], now: number): Match {
  const names = patterns.map((pattern) => byName(pattern, flags.ignoreCase === true));
  const least = flags.larger === undefined ? 0 : byteCount(flags.larger, "--larger");
  const since = flags.newer === undefined ? Number.NEGATIVE_INFINITY : parseTime(flags.newer, now);
  if (since === null) throw new Failure("usage", `--newer ${flags.newer}: that is no time`);
  return (row) =>
    row.size >= least &&
    row.mtime[0] * 1000 >= since &&
    names.some((matches) => matches(row)) &&
    (flags.larger === undefined || row.kind === "file");
}

export async function run(flags: FindFlags, patterns: string[]): Promise<number> {
  const session = new Session(flags, "rows");
  const { output } = session;
  const matches = matcher(flags, patterns, session.runtime.clock.now());
  await using repository = await session.open();
  const chosen =
    flags.snapshot === undefined
      ? filterSnapshots((await repository.snapshots()).snapshots, filterOf(flags))
      : [(await select(session, repository, flags.snapshot, flags)).snapshot];
  let found = 0;
  for (const snapshot of chosen) {
    const id = hex(snapshot.id);
    await list(repository, snapshot, Buffer.from("/"), true, (row) => {
      if (!matches(row)) return;
      found++;
      output.line(
        flags.json ? JSON.stringify(rowEvent(row, id)) : `${id.slice(0, 8)} ${rowText(row, false)}`,
      );
    });
  }
  session.end();
  return found > 0 ? 0 : 1;
}
