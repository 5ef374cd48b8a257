/** `holdall restore` */
import {
  Failure,
  hex,
  list,
  type Repository,
  type RestoreResult,
  type Row,
  restore,
  type Snapshot,
} from "../index.ts";
import { absolute } from "./arguments.ts";
import { preview } from "./preview.ts";
import { rowEvent, rowText } from "./rows.ts";
import { type SelectFlags, select } from "./select.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";
import { count, duration, size } from "./words.ts";

interface RestoreFlags extends Flags, SelectFlags {
  to?: string;
  inPlace?: boolean;
  delete?: boolean;
  dryRun?: boolean;
}

/** Where it came from: a folder is restored into itself, anything else into its folder. */
async function ownPlace(repository: Repository, snapshot: Snapshot, path: Buffer): Promise<Buffer> {
  let single = false;
  await list(repository, snapshot, path, false, (row) => {
    single ||= row.path.equals(path);
  });
  const cut = path.lastIndexOf("/");
  return single ? path.subarray(0, Math.max(cut, 1)) : path;
}

export async function run(flags: RestoreFlags, [what = ""]: string[]): Promise<number> {
  if ((flags.to === undefined) === (flags.inPlace === undefined)) {
    throw new Failure("usage", "say where to: --to FOLDER or --in-place");
  }
  const session = new Session(flags);
  const started = performance.now();
  await using repository = await session.open();
  const { snapshot, path } = await select(session, repository, what, flags);
  const target =
    flags.to === undefined ? await ownPlace(repository, snapshot, path) : absolute(flags.to);
  const plan = { path, target, delete: flags.delete ?? false, dryRun: flags.dryRun ?? false };
  if (plan.dryRun) {
    await preview(repository, { ...plan, snapshot }, (row: Row) =>
      session.output.line(flags.json ? JSON.stringify(rowEvent(row)) : rowText(row, false)),
    );
  }
  const options = { ...plan, workers: session.workers };
  const result = await restore(session.runtime, repository, snapshot, options);
  session.say(
    { event: "restore", snapshot: hex(snapshot.id), ...result, dryRun: plan.dryRun },
    text(result, plan.dryRun, (performance.now() - started) / 1000),
  );
  return result.troubles > 0 ? 3 : 0;
}

function text(result: RestoreResult, dryRun: boolean, seconds: number): string {
  const { entries, bytes, written, deleted, fetched, fetches, troubles } = result;
  const parts = [`${count(entries, "entry", "entries")}, ${size(bytes)}`];
  if (!dryRun) parts.push(`${size(written)} written`);
  else parts.push(`${size(fetched)} to read in ${count(fetches, "range")}`);
  if (deleted > 0) parts.push(`${deleted} deleted`);
  const head = dryRun ? "dry run, nothing was changed: would restore" : "restored";
  const trouble =
    troubles > 0 ? `\n${count(troubles, "path")} could not be restored as it was; see above` : "";
  return `${head} ${parts.join("; ")}; ${duration(seconds)}${trouble}`;
}
