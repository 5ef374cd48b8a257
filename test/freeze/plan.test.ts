/** The plan of a barrier as a pure function: who, in what order, and who is refused and why. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BarrierFacts, order, planBarrier, type ServiceFacts } from "../../src/freeze/plan.ts";
import type { Process } from "../../src/seam/native.ts";

const HOLDALL = 900;

function one(pid: number, more: Partial<Process> = {}): Process {
  return {
    pid,
    start: String(pid),
    parent: 1,
    state: "S",
    name: `p${pid}`,
    exe: Buffer.alloc(0),
    cgroup: "/",
    numbers: [pid],
    namespace: Buffer.alloc(0),
    holds: [],
    seen: true,
    ...more,
  };
}

const writes = (path: string, mapped = false) => ({ holds: [{ path: Buffer.from(path), mapped }] });
const service = (name: string, pids: number[], more: Partial<ServiceFacts> = {}): ServiceFacts => ({
  service: name,
  pids,
  dependsOn: [],
  handovers: [],
  ...more,
});
const flush = (unit: string) => ({ handovers: [{ unit, kind: "flush" }] }) as const;

/** `/NAME/...` is the service NAME's. */
const owner = (path: Buffer) => path.toString().split("/")[1] ?? "";

function facts(
  services: ServiceFacts[],
  processes: Process[],
  more: Partial<BarrierFacts> = {},
): BarrierFacts {
  const own = [one(1), one(800), one(HOLDALL, { parent: 800 })];
  return {
    services,
    supervisor: null,
    processes: [...own, ...processes],
    owner,
    holdall: HOLDALL,
    maxPause: 5000,
    obstacles: [],
    ...more,
  };
}

const shown = (f: BarrierFacts) =>
  planBarrier(f).waves.map((w) => [
    w.services.join(" "),
    w.handovers.map((h) => h.unit).join(" "),
    w.stop.map((p) => p.pid),
    w.freeze,
  ]);
const refused = (f: BarrierFacts) => planBarrier(f).refusals.map((r) => `${r.who} ${r.why}`);

describe("the order", () => {
  const engine = service("redis", [10], flush("redis/db"));
  const app = service("app", [20], { dependsOn: ["redis"] });
  const loose = service("loose", [30]);

  it("is from the edge inward, engines last, each flushed before it stops", () => {
    const f = facts([engine, app, loose], [one(10), one(20), one(30)]);
    expect(shown(f)).toEqual([
      ["app loose", "", [20, 30], []],
      ["redis", "redis/db", [10], []],
    ]);
  });

  it("begins with the supervisor, then with whoever is nobody's", () => {
    const supervisor = { service: "zinit", pids: [5], failure: null };
    const shell = one(40, writes("/redis/db"));
    const of = (pid: number) => one(pid, { parent: 5 });
    const f = facts([engine], [one(5), of(10), of(50), shell], { supervisor });
    expect(shown(f)).toEqual([
      ["zinit", "", [5, 50], []],
      ["", "", [40], []],
      ["redis", "redis/db", [10], []],
    ]);
  });

  it("leaves out who is spared, with all below, whoever else is above or beside", () => {
    const supervisor = { service: "zinit", pids: [5], failure: null };
    const group = { parent: 5, cgroup: "/all" };
    const processes = [one(5), one(20, group), one(30, group), one(31, { parent: 30 })];
    const spared = [{ service: "postgres", pids: [30] }];
    const f = facts([app], processes, { supervisor, spared });
    expect(shown(f)).toEqual([
      ["zinit", "", [5], []],
      ["app", "", [20], []],
    ]);
    expect(refused(f)).toEqual([]);
    const other = [...processes, one(32, { parent: 31, ...writes("/app/data") })];
    expect(refused(facts([app], other, { supervisor, spared }))).toEqual([
      "p32 (pid 32), which writes /app/data, goes on: its engine copies its own units only",
    ]);
  });

  it("takes children after their parents, and members of a cgroup", () => {
    const group = { cgroup: "/app" };
    const f = facts(
      [app],
      [one(22, { parent: 21 }), one(20), one(21, { parent: 20 }), one(60, { cgroup: "/x" })],
    );
    expect(shown(f)).toEqual([["app", "", [20, 21, 22], []]]);
    const grouped = facts([app], [one(20, group), one(70, group), one(60, { cgroup: "/x" })]);
    expect(shown(grouped)).toEqual([["app", "", [], ["/app"]]]);
  });

  it("freezes no cgroup that holds another, nor one that holdall lives in", () => {
    const both = service("both", [20]);
    const other = service("other", [21], { dependsOn: ["both"] });
    const f = facts([both, other], [one(20, { cgroup: "/g" }), one(21, { cgroup: "/g/sub" })]);
    expect(shown(f)).toEqual([
      ["other", "", [], ["/g/sub"]],
      ["both", "", [20], []],
    ]);
    const own = facts([both], [one(20, { cgroup: "/user" })]);
    const inside = own.processes.map((p) => ({ ...p, cgroup: "/user" }));
    expect(shown({ ...own, processes: inside })).toEqual([["both", "", [20], []]]);
  });

  it("finds a service by the files that it writes, when nothing else is known of it", () => {
    const f = facts([service("lone", [])], [one(33, writes("/lone/data"))]);
    expect(shown(f)).toEqual([["lone", "", [33], []]]);
    expect(planBarrier(facts([service("lone", [])], [])).absent).toEqual(["lone"]);
  });
});

describe("who is refused, by name", () => {
  const app = service("app", [20]);
  const cases: [string, Process[], RegExp][] = [
    [
      "traced",
      [one(20, { tracer: 77 }), one(77, { name: "gdb" })],
      /p20.* traced by gdb \(pid 77\)/,
    ],
    ["tied", [one(20, { tie: "serves a file system" })], /p20 .pid 20. of app serves a file/],
    ["another user's", [one(20, { seen: false })], /p20 .* belongs to another user/],
    ["impatient manager", [one(20, { watchdog: 9999 })], /every 9999 ms, less than twice/],
    [
      "own ancestor",
      [one(20), one(800, writes("/app/log"))],
      /p800 .*writes \/app\/log started hold/,
    ],
    ["holdall", [one(20), one(HOLDALL, writes("/app/x"))], /p900.* is holdall itself/],
  ];
  it.each(cases)("%s", (_, processes, why) => {
    const f = facts([app], processes);
    const last = new Map(f.processes.map((p) => [p.pid, p]));
    expect(refused({ ...f, processes: [...last.values()] }).join("\n")).toMatch(why);
  });

  it("nobody, when nothing is wrong", () => {
    expect(refused(facts([app], [one(20, { watchdog: 10_000 })]))).toEqual([]);
  });

  it("a supervisor that does not answer, services in a circle, and what the caller found", () => {
    const supervisor = { service: "zinit", pids: [], failure: "does not answer on its socket" };
    const circle = [
      service("a", [10], { dependsOn: ["b"] }),
      service("b", [11], { dependsOn: ["a"] }),
    ];
    const obstacles = [{ who: "app/data", why: "has a nested subvolume" }];
    expect(refused(facts(circle, [], { supervisor, obstacles }))).toEqual([
      "app/data has a nested subvolume",
      "zinit does not answer on its socket",
      "a, b depend on each other in a circle",
    ]);
  });
});

/** Services that depend on earlier ones only, each with one process and some children. */
const worlds = fc
  .array(
    fc.record({
      engine: fc.boolean(),
      needs: fc.array(fc.nat(11), { maxLength: 3 }),
      children: fc.nat(3),
      group: fc.nat(3),
    }),
    { maxLength: 12 },
  )
  .map((rows) => {
    const services = rows.map((row, i) =>
      service(`s${i}`, [1000 + i * 10], {
        dependsOn: [...new Set(row.needs.filter((n) => n < i))].map((n) => `s${n}`),
        ...(row.engine ? flush(`s${i}/u`) : {}),
      }),
    );
    const processes = rows.flatMap((row, i) => {
      const cgroup = row.group === 0 ? "/" : `/g${row.group}`;
      const pid = 1000 + i * 10;
      const child = (n: number) => one(pid + n, { parent: pid + n - 1, cgroup });
      return [
        one(pid, { cgroup }),
        ...Array.from({ length: row.children }, (_, n) => child(n + 1)),
      ];
    });
    return facts(services, processes);
  });

describe("for every world", () => {
  it("everybody of the set stops once, after those that depend on him", () => {
    fc.assert(
      fc.property(worlds, (f) => {
        const plan = planBarrier(f);
        const all = new Map(f.processes.map((p) => [p.pid, p]));
        const at = new Map<string, number>();
        const seen: number[] = [];
        for (const [turn, wave] of plan.waves.entries()) {
          for (const name of wave.services) at.set(name, turn);
          const frozen = f.processes.filter((p) => wave.freeze.includes(p.cgroup));
          seen.push(...wave.stop.map((p) => p.pid), ...frozen.map((p) => p.pid));
          for (const { pid, parent } of wave.stop) {
            const above = wave.stop.findIndex((p) => p.pid === parent);
            expect(above).toBeLessThan(wave.stop.findIndex((p) => p.pid === pid));
          }
        }
        expect(seen.sort()).toEqual([...plan.owners.keys()].filter((p) => all.has(p)).sort());
        expect(new Set(seen).size).toBe(seen.length);
        for (const { service: name, dependsOn, handovers } of f.services) {
          for (const needed of dependsOn) {
            expect(at.get(name)).toBeLessThan(at.get(needed) ?? -1);
          }
          // An engine is handed over when all others without anything to hand over stand.
          const plain = f.services.filter(
            (s) => s.handovers.length === 0 && dependsOnAll(f, s, name),
          );
          if (handovers.length > 0) {
            for (const p of plain)
              expect(at.get(p.service)).toBeLessThanOrEqual(at.get(name) ?? -1);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("the order has every service once", () => {
    fc.assert(
      fc.property(worlds, ({ services }) => {
        const { steps, cycle } = order(services);
        expect(cycle).toEqual([]);
        expect(steps.flat().sort()).toEqual(services.map((s) => s.service).sort());
      }),
    );
  });
});

/** Whether nothing that stops only after `engine` depends on the service. */
function dependsOnAll(f: BarrierFacts, s: ServiceFacts, engine: string): boolean {
  const above = (name: string): string[] => {
    const direct = f.services.filter((o) => o.dependsOn.includes(name)).map((o) => o.service);
    return [...direct, ...direct.flatMap(above)];
  };
  return s.service !== engine && above(s.service).length === 0;
}
