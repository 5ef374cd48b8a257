/** Who has something open, by `/proc`: file descriptors, and what is mapped. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { mapBounded } from "../base/map_bounded.ts";
import { isWithin } from "../base/path.ts";
import type { Opener } from "./facts.ts";

const AT_ONCE = 16;

/** One open file of one process. */
export interface OpenFile extends Opener {
  /** Absolute, as the process sees it. */
  readonly path: string;
}

const WRITE = 0o3;

type IsBelow = (path: string) => boolean;

async function descriptors(pid: string, isBelow: IsBelow): Promise<[string, Opener["how"]][]> {
  const found: [string, Opener["how"]][] = [];
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [] as string[])) {
    try {
      const path = await readlink(`/proc/${pid}/fd/${fd}`);
      if (!isBelow(path)) continue;
      const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, "utf8");
      const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "0", 8);
      found.push([path, (flags & WRITE) === 0 ? "reads" : "writes"]);
    } catch {
      // Closed since the listing.
    }
  }
  return found;
}

/** Files that are mapped so that stores to memory reach them. */
async function mappings(pid: string, isBelow: IsBelow): Promise<[string, Opener["how"]][]> {
  const text = await readFile(`/proc/${pid}/maps`, "utf8").catch(() => "");
  const found = new Set<string>();
  for (const line of text.split("\n")) {
    const [, rights = "", path] = /^\S+ (\S+) \S+ \S+ \S+\s+(\/.*)$/.exec(line) ?? [];
    const shared = rights[1] === "w" && rights[3] === "s";
    if (path !== undefined && shared && isBelow(path)) found.add(path);
  }
  return [...found].map((path) => [path, "maps"]);
}

/** Open files below any of some folders; processes that may not be looked at tell nothing. */
export async function openFiles(folders: readonly string[]): Promise<OpenFile[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const isBelow = (path: string) => folders.some((folder) => isWithin(path, folder));
  const found = await mapBounded(pids, AT_ONCE, async (pid) => {
    const all = [...(await descriptors(pid, isBelow)), ...(await mappings(pid, isBelow))];
    if (all.length === 0) return [];
    const here = all.map(([path, how]) => [path.replace(/ \(deleted\)$/, ""), how] as const);
    const name = (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "?")).trim();
    return here.map(([path, how]) => ({ path, pid: Number(pid), name, how }));
  });
  return found.flat();
}
