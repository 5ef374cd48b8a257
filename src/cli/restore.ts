/** `holdall restore` */
import { Failure, hex, list, type Repository, type Row, restore, type Snapshot } from "../index.ts";
import { absolute } from "./arguments.ts";
import { preview } from "./preview.ts";
import { type RestoreFlags, restoredText } from "./restored.ts";
import { rowEvent, rowText } from "./rows.ts";
import { select } from "./select.ts";
import { Session } from "./session.ts";

/** Where it came from: a folder is restored into itself, anything else into its folder. */
async function ownPlace(repository: Repository, snapshot: Snapshot, path: Buffer): Promise<Buffer> {
  let single = false;
  await list(repository, snapshot, path, false, (row) => {
    single ||= row.path.equals(path);
  });
  const cut = path.lastIndexOf("/");
  return single ? path.subarray(0, Math.max(cut, 1)) : path;
}

function refuseUnclear(flags: RestoreFlags): void {
  const places = [flags.to, flags.inPlace, flags.instance].filter((place) => place !== undefined);
  if (places.length !== 1) {
    throw new Failure("usage", "say where to: --to FOLDER, --in-place or --instance ROOT");
  }
  if (flags.instance !== undefined && flags.delete) {
    throw new Failure("usage", "--delete does not go with --instance: its place is empty");
  }
  if (flags.instance === undefined && (flags.owner !== undefined || flags.start === false)) {
    throw new Failure("usage", "--owner and --no-start go with --instance only");
  }
}

export async function run(flags: RestoreFlags, [what = ""]: string[]): Promise<number> {
  refuseUnclear(flags);
  if (flags.instance !== undefined) {
    const revive = await import("./revive.ts");
    return revive.run(flags, what);
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
    restoredText(result, plan.dryRun, (performance.now() - started) / 1000),
  );
  return result.troubles > 0 ? 3 : 0;
}
