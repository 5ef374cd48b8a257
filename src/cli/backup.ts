/** `holdall backup` */
import { hostname } from "node:os";
import {
  type BackupOptions,
  type BackupResult,
  backup,
  Failure,
  type HoldallEvent,
  hex,
  LEAST_MEMORY,
  type Stood,
  total,
  VERSION,
} from "../index.ts";
import { absolute, integer } from "./arguments.ts";
import type { InstanceFlags, Prepared } from "./instance.ts";
import { packSize } from "./pack_size.ts";
import { attempt } from "./report.ts";
import { Session } from "./session.ts";
import { count, duration, size } from "./words.ts";

interface BackupFlags extends InstanceFlags {
  exclude?: string[];
  ignoreFile?: string;
  excludeCaches?: boolean;
  oneFileSystem?: boolean;
  tag?: string[];
  stdin?: string;
  command?: string;
  dryRun?: boolean;
  force?: boolean;
  host?: string;
  level?: string;
  memory?: string;
  packSize?: string;
  sync?: string[];
}

function options(
  flags: BackupFlags,
  operands: string[],
  command: string[],
  workers: number,
): BackupOptions {
  const name = flags.stdin ?? flags.command;
  if (name !== undefined && (name === "" || name.includes("/") || name === "." || name === "..")) {
    throw new Failure("usage", `${name}: the name of a stream is one file name`);
  }
  const { instance } = flags;
  const alone = ["service", "context", "native"] as const;
  for (const flag of alone) {
    if (instance === undefined && flags[flag] !== undefined)
      throw new Failure("usage", `--${flag} goes with --instance only`);
  }
  if (instance !== undefined && (name !== undefined || operands.length > 0))
    throw new Failure("usage", "an instance goes with neither paths nor a stream");
  if (flags.verify && (instance === undefined || flags.pause === false))
    throw new Failure("usage", "--verify goes with --instance, and not with --no-pause");
  if (name === undefined && operands.length === 0 && instance === undefined)
    throw new Failure("usage", "nothing to back up: give at least one path");
  if (flags.stdin !== undefined && flags.command !== undefined)
    throw new Failure("usage", "--stdin and --command do not go together");
  if (name !== undefined && operands.length > 0)
    throw new Failure("usage", "a stream and paths do not go together");
  if (flags.command !== undefined && command.length === 0)
    throw new Failure("usage", "--command needs a command after --");
  return {
    paths: operands.map(absolute),
    host: flags.host ?? hostname(),
    tags: flags.tag ?? [],
    exclude: flags.exclude ?? [],
    ...(flags.ignoreFile === undefined ? {} : { ignoreFile: flags.ignoreFile }),
    excludeCaches: flags.excludeCaches ?? false,
    oneFileSystem: flags.oneFileSystem ?? false,
    dryRun: flags.dryRun ?? false,
    force: flags.force ?? false,
    ...(name === undefined ? {} : { stream: { name, command } }),
    level: integer(flags.level ?? "3", "--level", -7, 19),
    ...(flags.memory === undefined
      ? {}
      : { memory: integer(flags.memory, "--memory", LEAST_MEMORY, 65536) }),
    ...packSize(flags.packSize),
    workers,
    tool: `holdall ${VERSION}`,
  };
}

export async function run(
  flags: BackupFlags,
  operands: string[],
  command: string[],
): Promise<number> {
  const session = new Session(flags);
  // Without --command, what follows -- are paths, such as those that begin with a dash.
  const paths = flags.command === undefined ? [...operands, ...command] : operands;
  const plan = options(flags, paths, command, session.workers);
  const instance = await prepared(session, flags);
  await using repository = await session.open();
  const save = async () => {
    const started = performance.now();
    // Whom it cannot do without is known when the store is open: a dry run stops nobody.
    await using standing = plan.dryRun ? null : ((await instance?.stand?.()) ?? null);
    const cut = standing?.units ?? instance?.units;
    await using copied = plan.dryRun || !cut ? null : ((await instance?.copy(cut)) ?? null);
    const read = copied?.units ?? cut;
    const tried = plan.dryRun || !read ? null : ((await instance?.verify?.(read)) ?? null);
    const units = tried?.units ?? read;
    const chosen = instance && units ? { instance: instance.instance, units } : {};
    const result = await backup(session.runtime, repository, { ...plan, ...chosen });
    const seconds = (performance.now() - started) / 1000;
    const stood = standing?.stood;
    const last = stood === undefined ? "" : `\n${stoodText(stood)}`;
    const verified = tried === null ? {} : { verified: tried.verified };
    const proof = tried === null ? "" : `\n${instance?.tell(tried.verified)}`;
    session.say(
      { ...json(result, plan), ...(stood === undefined ? {} : { stood }), ...verified },
      text(result, plan, seconds) + last + proof,
    );
    return result.troubles > 0 ? 3 : 0;
  };
  const others = flags.sync ?? [];
  if (others.length === 0) return save();
  if (plan.dryRun) throw new Failure("usage", "--sync and --dry-run do not go together");
  const from = { place: session.place, repository, traffic: session.traffic };
  const { copyInto } = await import("./sync.ts");
  const [inJson, statuses] = [flags.json === true, [] as number[]];
  statuses.push(await attempt(inJson, save));
  for (const place of others) {
    if (session.runtime.signal.aborted) break;
    statuses.push(await attempt(inJson, () => copyInto(session, from, place)));
  }
  // What could not be saved as it is counts less than what failed.
  return statuses.find((s) => s !== 0 && s !== 3) ?? Math.max(...statuses);
}

/** `stood still 131 ms at 14:03:07.220; worst level X because Y` */
function stoodText({ at, milliseconds, worst }: Stood): string {
  const time = new Date(at);
  const two = (n: number, digits = 2) => String(n).padStart(digits, "0");
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  const level = `${worst.inside}, ${worst.across} (${worst.unit})`;
  const pause = `stood still ${Math.ceil(milliseconds)} ms at ${clock}.${two(time.getMilliseconds(), 3)}`;
  return `${pause}; worst level ${level} because ${worst.why}`;
}

function json(
  { snapshot, newBytes, storedBytes, troubles }: BackupResult,
  plan: BackupOptions,
): Extract<HoldallEvent, { event: "snapshot" }> {
  return {
    event: "snapshot",
    id: plan.dryRun ? null : hex(snapshot.id),
    parent: snapshot.parent && hex(snapshot.parent),
    files: total(snapshot, "files"),
    bytes: total(snapshot, "bytes"),
    newBytes,
    storedBytes,
    troubles,
    dryRun: plan.dryRun ?? false,
  };
}

function text(
  { snapshot, newBytes, storedBytes, troubles }: BackupResult,
  plan: BackupOptions,
  seconds: number,
): string {
  const counted = `${count(total(snapshot, "files"), "file")}, ${size(total(snapshot, "bytes"))}; ${size(newBytes)} new, ${size(storedBytes)} stored; ${duration(seconds)}`;
  const head = plan.dryRun
    ? "dry run: nothing was stored"
    : `snapshot ${hex(snapshot.id).slice(0, 8)} saved`;
  const trouble =
    troubles > 0 ? `\n${count(troubles, "path")} could not be saved as it is; see above` : "";
  return `${head}: ${counted}${trouble}`;
}

/** What is saved of an instance, where one is; only then its part of the command is loaded. */
async function prepared(session: Session, flags: InstanceFlags): Promise<Prepared | null> {
  if (flags.instance === undefined) return null;
  const { prepare } = await import("./instance.ts");
  return prepare(session, flags);
}
