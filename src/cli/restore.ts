/** `holdall restore` */
import { Failure, restore, selectSnapshot, splitPath } from "../index.ts";
import { argumentBytes } from "./paths.ts";
import { duration, size } from "./progress.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

interface RestoreFlags extends Flags {
  to?: string;
  inPlace?: boolean;
  delete?: boolean;
  dryRun?: boolean;
}

export async function run(flags: RestoreFlags, [what]: string[]): Promise<number> {
  if (what === undefined) throw new Failure("usage", "restore needs a snapshot, such as latest");
  if ((flags.to === undefined) === (flags.inPlace === undefined)) {
    throw new Failure("usage", "say where to: --to FOLDER or --in-place");
  }
  const session = new Session(flags);
  const { snapshot, path } = splitPath(what);
  const started = performance.now();
  await using repository = await session.open();
  const found = selectSnapshot(await repository.snapshots(), snapshot, session.runtime.clock.now());
  const at =
    what === snapshot
      ? Buffer.from(path)
      : argumentBytes(what).subarray(Buffer.byteLength(snapshot) + 1);
  const result = await restore(session.runtime, repository, found, {
    path: at,
    target: flags.to ?? (path === "/" ? "/" : path),
    delete: flags.delete ?? false,
    dryRun: flags.dryRun ?? false,
    workers: session.workers,
  });
  const { entries, bytes, written, deleted, troubles } = result;
  const seconds = (performance.now() - started) / 1000;
  const head = flags.dryRun ? "would restore" : "restored";
  const gone = deleted > 0 ? `, ${deleted} deleted` : "";
  const trouble =
    troubles > 0 ? `\n${troubles} paths could not be restored as they were; see above` : "";
  session.say(
    { event: "restore", ...result, dryRun: flags.dryRun ?? false },
    `${head} ${entries} entries, ${size(bytes)}; ${size(written)} written${gone}; ${duration(seconds)}${trouble}`,
  );
  return troubles > 0 ? 1 : 0;
}
