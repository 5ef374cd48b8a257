/**
 * The set that has to stand still together: the closure over children, members of a cgroup, and
 * whoever can write a claimed file. Pure: facts in, sets out.
 */
import { isWithin } from "../base/path.ts";
import type { Process } from "../seam/native.ts";

/** A service's first processes; everything else of it follows. */
export interface Roots {
  readonly service: string;
  readonly pids: readonly number[];
}

/** Every process of the set and whose it is; `""` where it is nobody's, such as a shell. */
export type Owners = ReadonlyMap<number, string>;

/** A process and those above it, nearest first. */
export function lineage(processes: ReadonlyMap<number, Process>, pid: number): Process[] {
  const found: Process[] = [];
  for (let at = processes.get(pid); at && !found.includes(at); at = processes.get(at.parent)) {
    found.push(at);
  }
  return found;
}

export const byPid = (processes: readonly Process[]): Map<number, Process> =>
  new Map(processes.map((p) => [p.pid, p]));

/** Files that processes have mapped writable. */
export const mappedBy = (processes: readonly Process[]): Buffer[] =>
  processes.flatMap((p) => p.holds.filter((h) => h.mapped).map((h) => h.path));

/** Whether a group is one of services: neither the root nor one that holdall itself lives in. */
export const isForeign = (group: string, own: string) =>
  group !== "" && group !== "/" && !isWithin(own, group);

/** Processes of these roots and all below them. */
export function familyOf(processes: readonly Process[], roots: readonly Roots[]): Process[] {
  const pids = new Set(roots.flatMap((root) => root.pids));
  // It is asked again and again while everybody stands: mostly there is nothing to find.
  if (pids.size === 0) return [];
  const all = byPid(processes);
  return processes.filter(({ pid }) => lineage(all, pid).some((p) => pids.has(p.pid)));
}

/**
 * The closure. `owner` says whose unit a path is; `own` is the cgroup of holdall. The nearest
 * ancestor that is known decides whose a process is. Whoever holds a file of a service that runs
 * without it, such as a shell, is nobody's.
 */
export function closure(
  processes: readonly Process[],
  roots: readonly Roots[],
  owner: (path: Buffer) => string,
  own: string,
): Owners {
  const all = byPid(processes);
  const owners = new Map<number, string>();
  for (const { service, pids } of roots) {
    for (const pid of pids) if (all.has(pid)) owners.set(pid, service);
  }
  const running = new Set(owners.values());
  for (const { pid, holds } of processes) {
    const [first] = holds;
    // Whoever is known already writes for its own service, also into another's file.
    if (first === undefined || lineage(all, pid).some((p) => owners.has(p.pid))) continue;
    const whose = owner(first.path);
    owners.set(pid, running.has(whose) ? "" : whose);
  }
  for (let before = -1; before !== owners.size; ) {
    before = owners.size;
    for (const { pid } of processes) {
      if (owners.has(pid)) continue;
      const above = lineage(all, pid).find((p) => owners.has(p.pid));
      if (above) owners.set(pid, owners.get(above.pid) ?? "");
    }
    const groups = [...owners].map(([pid, whose]) => [all.get(pid)?.cgroup ?? "", whose] as const);
    const shared = new Map(groups.filter(([group]) => isForeign(group, own)));
    for (const { pid, cgroup } of processes) {
      const group = owners.has(pid) ? undefined : [...shared].find(([g]) => isWithin(cgroup, g));
      if (group) owners.set(pid, group[1]);
    }
  }
  return owners;
}
