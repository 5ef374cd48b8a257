/** Looks at an instance: one walk, the process table, mounts, and what was remembered. */
import { createHash } from "node:crypto";
import { lstatSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";
import { toBytes } from "../base/bytes.ts";
import { below, isWithin } from "../base/path.ts";
import type { Runtime } from "../base/runtime.ts";
import type { Instance, StateUnit } from "./descriptor.ts";
import { endedUnits } from "./ended.ts";
import { type Facts, type Holding, holdingKey, type Powers } from "./facts.ts";
import { OWN } from "./load.ts";
import { outside } from "./outside.ts";
import { placeOf, readMounts } from "./places.ts";
import { openFiles } from "./processes.ts";
import { type Above, NOBODY, Tally } from "./tally.ts";
import { walk } from "./walk.ts";

export interface GatherOptions {
  /** Folder of the local caches: what was seen is remembered there; absent: nothing is. */
  readonly cache?: string;
}

/** The part of an absolute glob before its first name that is a pattern. */
function literal(glob: string): string {
  const names = glob.split("/");
  const at = names.findIndex((name) => /[*?]|\{context\}/.test(name));
  return at < 0 ? glob : names.slice(0, at).join("/") || "/";
}

/** Where units lie that are outside the root; none lies below another. */
function places(units: readonly StateUnit[]): string[] {
  const all = units.flatMap(({ paths }) => paths.filter(isAbsolute).map(literal)).sort();
  return all.filter((path, at) => !all.slice(0, at).some((p) => isWithin(path, p)));
}

async function look(instance: Instance, tally: Tally, signal: AbortSignal) {
  const troubles: [string, string][] = [];
  const trouble = (path: string, reason: string) => troubles.push([path, reason]);
  const visit = (seen: Parameters<Tally["take"]>[0], above: Above) =>
    tally.take(seen, seen.path, above);
  await walk(instance.root, NOBODY, { visit, trouble }, signal);
  for (const place of places(instance.services.flatMap(({ units }) => units))) {
    const stats = lstatSync(toBytes(place), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) continue;
    const name = basename(place);
    const beside = new Set([name]);
    const top = { path: place, name, stats, target: null, beside };
    const start = { claims: tally.claimsOn(place.slice(0, -name.length - 1)), git: false };
    const above = tally.take(top, place, start, true);
    if (!stats.isDirectory()) continue;
    const below = {
      visit: (seen: Parameters<Tally["take"]>[0], over: Above) =>
        tally.take(seen, `${place}/${seen.path}`, over, true),
      trouble: (path: string, reason: string) => trouble(`${place}/${path}`, reason),
    };
    await walk(place, above, below, signal);
  }
  return troubles;
}

/** Capabilities by number: to stop what is another user's, and to see what it has open. */
const [CAP_KILL, CAP_SYS_PTRACE] = [5n, 19n];

async function powers({ root, supervisor }: Instance): Promise<Powers> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const has = (bit: bigint) => (effective & (1n << bit)) !== 0n;
  const socket = supervisor?.socket ?? "";
  const found = socket === "" ? null : await stat(join(root, socket)).catch(() => null);
  return {
    privileged: has(CAP_KILL) && has(CAP_SYS_PTRACE),
    supervisor: socket === "" || found?.isSocket() === true,
  };
}

interface Memory {
  readonly at: number;
  readonly bytes: Record<string, number>;
}

/** Named like every other cache, so that what clears those clears it. */
function memoryFolder(base: string, root: string): string {
  const digits = createHash("sha256").update(`inventory ${root}`).digest("hex");
  return join(base, `${digits.slice(0, 32)}-${digits.slice(32, 48)}`);
}

async function recall(folder: string): Promise<Memory | null> {
  try {
    const { at, bytes } = JSON.parse(await readFile(join(folder, "inventory"), "utf8")) as Memory;
    return typeof at === "number" && typeof bytes === "object" ? { at, bytes } : null;
  } catch {
    return null;
  }
}

/** A cache that cannot be written only forgets. */
async function remember(folder: string, memory: Memory, unique: string): Promise<void> {
  const temporary = join(folder, `inventory.${unique}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify(memory), { mode: 0o600 });
    await rename(temporary, join(folder, "inventory"));
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Gives each holding the processes that have something of it open. */
async function openers(instance: Instance, tally: Tally, holdings: readonly Holding[]) {
  const { root } = instance;
  const folders = [root, ...places(instance.services.flatMap(({ units }) => units))];
  for (const { path, pid, name, how } of await openFiles(folders)) {
    const own = path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
    for (const claim of tally.claimsOn(own)) {
      const holding = holdings.find((h) => h.unit === claim.unit && h.context === claim.context);
      if (holding?.openBy.some((o) => o.pid === pid && o.how === how) === false) {
        holding.openBy.push({ pid, name, how });
      }
    }
  }
}

/** Everything there is to know; changes nothing but what is remembered for the next time. */
export async function gather(
  runtime: Runtime,
  instance: Instance,
  options: GatherOptions = {},
): Promise<Facts> {
  const { root, services } = instance;
  const units = services.flatMap((service) => service.units);
  const files = [...units, ...services].map(({ declared }) => declared.file);
  const tally = new Tally(units, [...OWN, ...files]);
  const troubles = await look(instance, tally, runtime.signal);
  const holdings = tally.holdings();
  const mounts = readMounts();
  for (const { tops, places: found } of holdings) {
    const all = tops.map((top) => placeOf(below(root, top), mounts));
    const seen = new Map(all.map((place) => [`${place.mount}\0${place.subvolume}`, place]));
    found.push(...seen.values());
  }
  await openers(instance, tally, holdings);
  const now = runtime.clock.now();
  const folder = options.cache === undefined ? null : memoryFolder(options.cache, root);
  const memory = folder === null ? null : await recall(folder);
  const bytes = Object.fromEntries(holdings.map((h) => [holdingKey(h), h.bytes]));
  if (folder !== null)
    await remember(folder, { at: now, bytes }, String(runtime.random(4).readUInt32LE(0)));
  const { uids, gids, links, configs } = tally;
  const isSecret = (path: string) =>
    tally.claimsOn(path).some(({ unit }) => unit.class === "secret");
  const engines = new Set(units.map(({ engine }) => engine));
  return {
    instance,
    now,
    holdings,
    unclaimed: tally.unclaimed(),
    doubled: tally.doubled,
    leftOut: tally.leftOut,
    sockets: tally.sockets,
    troubles,
    outside: await outside({ root, uids, gids, engines, links, configs, isSecret }),
    powers: await powers(instance),
    ended: endedUnits(instance, holdings, (path) => path),
    before: memory?.bytes ?? {},
    beforeAt: memory?.at ?? null,
  };
}
