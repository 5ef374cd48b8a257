/**
 * The plan of a barrier: who is in the set, in what order they stop, what is flushed when, and who
 * stands in the way. A pure function of facts; nothing was stopped when it refuses.
 *
 * From the edge inward: what others depend on stops after them, and an engine is flushed only when
 * everybody who can write to it stands.
 */
import { Failure } from "../base/failure.ts";
import { isWithin } from "../base/path.ts";
import type { Process } from "../seam/native.ts";
import { byPid, closure, familyOf, isForeign, lineage, type Owners, type Roots } from "./set.ts";

/** A unit that must be made to hand over what it acknowledged. */
export interface Handover {
  readonly unit: string;
  readonly kind: "flush" | "drain";
}

export interface ServiceFacts extends Roots {
  readonly dependsOn: readonly string[];
  readonly handovers: readonly Handover[];
}

export interface BarrierFacts {
  readonly services: readonly ServiceFacts[];
  /** The supervisor's own name among the roots; it stops first. Null where there is none. */
  readonly supervisor: (Roots & { readonly failure: string | null }) | null;
  /** Services that go on: their engines copy all that is saved of them. */
  readonly spared?: readonly Roots[];
  readonly processes: readonly Process[];
  /** Whose a claimed path is. */
  readonly owner: (path: Buffer) => string;
  readonly holdall: number;
  /** Milliseconds. */
  readonly maxPause: number;
  /** What else is in the way: a nested subvolume, a file system that cannot be cut. */
  readonly obstacles: readonly Refusal[];
}

export interface Refusal {
  readonly who: string;
  readonly why: string;
  /** Whose process it is, where that is known. */
  readonly service?: string;
}

export interface Wave {
  readonly services: readonly string[];
  /** Done side by side, before the stop. */
  readonly handovers: readonly Handover[];
  /** Parents before children. */
  readonly stop: readonly Process[];
  /** cgroups that hold nothing but processes of this wave, frozen instead of stopped. */
  readonly freeze: readonly string[];
}

export interface BarrierPlan {
  readonly waves: readonly Wave[];
  readonly owners: Owners;
  /** All that there were when it was made. */
  readonly processes: readonly Process[];
  readonly refusals: readonly Refusal[];
  /** First processes of services: without one of them there is no service. */
  readonly essential: ReadonlySet<number>;
  /** Services of which no process was found. */
  readonly absent: readonly string[];
  readonly maxPause: number;
}

const named = (p: Process) => `${p.name} (pid ${p.pid})`;

/** What stands in the way of one process of the set. */
function refusalsOf(process: Process, all: ReadonlyMap<number, Process>, maxPause: number) {
  const why: string[] = [];
  if (process.tracer !== undefined) {
    const tracer = all.get(process.tracer);
    why.push(`is traced by ${tracer ? named(tracer) : `pid ${process.tracer}`}`);
  }
  if (process.tie !== undefined) why.push(process.tie);
  if (!process.seen) why.push("belongs to another user: it could not be looked at or stopped");
  if (process.watchdog !== undefined && process.watchdog < 2 * maxPause) {
    const within = `its service manager wants to hear from it every ${process.watchdog} ms`;
    why.push(`${within}, less than twice the longest pause (${maxPause} ms)`);
  }
  return why;
}

/** Fails with `not_still` when somebody is in the way, and names the first. */
export function refuse({ refusals }: Pick<BarrierPlan, "refusals">): void {
  const [first] = refusals;
  if (first) throw new Failure("not_still", `${first.who} ${first.why}`);
}

function refusals(facts: BarrierFacts, owners: Owners): Refusal[] {
  const all = byPid(facts.processes);
  const above = new Set(lineage(all, facts.holdall).map((p) => p.pid));
  const found: Refusal[] = [...facts.obstacles];
  if (facts.supervisor?.failure) {
    found.push({ who: facts.supervisor.service, why: facts.supervisor.failure });
  }
  for (const [pid, service] of owners) {
    const process = all.get(pid);
    if (process === undefined) continue;
    const of = service === "" ? "" : ` of ${service}`;
    const files = process.holds.map((h) => h.path.toString("utf8"));
    const holds = files[0] === undefined ? "" : `, which writes ${files[0]}`;
    const who = `${named(process)}${of}${holds}`;
    if (pid === facts.holdall) found.push({ who, why: "is holdall itself", service });
    else if (above.has(pid)) found.push({ who, why: "started holdall", service });
    const why = refusalsOf(process, all, facts.maxPause);
    found.push(...why.map((reason) => ({ who, why: reason, service })));
  }
  for (const process of familyOf(facts.processes, facts.spared ?? [])) {
    const [held] = process.holds;
    if (held === undefined) continue;
    const who = `${named(process)}, which writes ${held.path.toString("utf8")},`;
    found.push({ who, why: "goes on: its engine copies its own units only" });
  }
  return found;
}

/** Services in the order in which they stop: lists of those that may stop side by side. */
export function order(services: readonly ServiceFacts[]): { steps: string[][]; cycle: string[] } {
  const known = new Map(services.map((s) => [s.service, s]));
  const left = new Set(known.keys());
  const steps: string[][] = [];
  while (left.size > 0) {
    const needed = new Set([...left].flatMap((s) => known.get(s)?.dependsOn ?? []));
    const ready = [...left].filter((s) => !needed.has(s));
    if (ready.length === 0) return { steps, cycle: [...left] };
    // Engines as late as possible: until then, whoever might write to them without saying so stops.
    const plain = ready.filter((s) => known.get(s)?.handovers.length === 0);
    const step = plain.length > 0 ? plain : ready;
    for (const service of step) left.delete(service);
    steps.push(step);
  }
  return { steps, cycle: [] };
}

/** Parents before children; then by number, so that the same facts give the same plan. */
function parentsFirst(processes: readonly Process[], all: ReadonlyMap<number, Process>) {
  const depth = new Map(processes.map((p) => [p.pid, lineage(all, p.pid).length]));
  const of = (p: Process) => depth.get(p.pid) ?? 0;
  return [...processes].sort((a, b) => of(a) - of(b) || a.pid - b.pid);
}

/** cgroups of which every member, also below, is in the list. */
function wholeGroups(members: readonly Process[], all: readonly Process[], own: string): string[] {
  const pids = new Set(members.map((p) => p.pid));
  const groups = new Set(members.map((p) => p.cgroup).filter((g) => isForeign(g, own)));
  const below = (p: Process, g: string) => isWithin(p.cgroup, g);
  const whole = [...groups].filter((g) => all.every((p) => !below(p, g) || pids.has(p.pid)));
  return whole.filter((g) => !whole.some((outer) => g !== outer && isWithin(g, outer))).sort();
}

/** The wave of some services. A name of which no process runs is a wave of nothing. */
function wave(
  facts: BarrierFacts,
  owners: Owners,
  names: readonly string[],
  handovers: readonly Handover[],
): Wave {
  const all = byPid(facts.processes);
  const own = all.get(facts.holdall)?.cgroup ?? "";
  const members = facts.processes.filter((p) => names.includes(owners.get(p.pid) ?? "\0"));
  const freeze = wholeGroups(members, facts.processes, own);
  const frozen = (p: Process) => freeze.some((g) => isWithin(p.cgroup, g));
  const stop = parentsFirst(
    members.filter((p) => !frozen(p)),
    all,
  );
  return { services: names.filter((n) => n !== ""), handovers, stop, freeze };
}

export function planBarrier(facts: BarrierFacts): BarrierPlan {
  const own = facts.processes.find((p) => p.pid === facts.holdall)?.cgroup ?? "";
  const { supervisor, services } = facts;
  const roots: Roots[] = [...(supervisor ? [supervisor] : []), ...services];
  const apart = new Set(familyOf(facts.processes, facts.spared ?? []));
  const others = facts.processes.filter((p) => !apart.has(p));
  const owners = closure(others, roots, facts.owner, own);
  const running = new Set(owners.values());
  const { steps, cycle } = order(services);
  const known = new Map(services.map((s) => [s.service, s]));
  const waves = steps.map((names) => {
    const here = names.filter((n) => running.has(n));
    return wave(
      facts,
      owners,
      here,
      here.flatMap((n) => known.get(n)?.handovers ?? []),
    );
  });
  // The supervisor would act on what stops; whoever is nobody's is at the edge.
  const first = supervisor ? [wave(facts, owners, [supervisor.service], [])] : [];
  const edge = wave(
    facts,
    owners,
    [...running].filter((n) => n === ""),
    [],
  );
  const found = refusals(facts, owners);
  if (cycle.length > 0) {
    found.push({ who: cycle.join(", "), why: "depend on each other in a circle" });
  }
  return {
    waves: [...first, edge, ...waves].filter((w) => w.stop.length + w.freeze.length > 0),
    owners,
    processes: facts.processes,
    refusals: found,
    essential: new Set(roots.flatMap((r) => r.pids)),
    absent: services.map((s) => s.service).filter((s) => !running.has(s)),
    maxPause: facts.maxPause,
  };
}
