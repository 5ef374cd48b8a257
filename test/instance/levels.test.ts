/** What a unit is worth, as a table: engine, what its descriptor says, and what this run may do. */
import { expect, it } from "vitest";
import { capturable, separable } from "../../src/instance/captures.ts";
import type { Facts, Holding, Powers } from "../../src/instance/facts.ts";
import { pauseOf, reachable } from "../../src/instance/levels.ts";
import { parseInstance } from "../../src/instance/parse.ts";

const ALL: Powers = { privileged: true, supervisor: true };

interface Case {
  readonly written?: boolean;
  /** Types of the file systems that it lies on. */
  readonly on?: readonly string[];
  readonly powers?: Powers;
  /** Of its service. */
  readonly service?: string;
}

/** Facts of one unit of one service; `unit` is what its descriptor says further. */
function factsOf(
  unit: string,
  { written, on = ["ext4"], powers = ALL, service = "" }: Case,
): Facts {
  const text = `[[service]]\nname="s"\n${service}\n[[state]]\nservice="s"\nid="u"\npaths=["x"]\n${unit}`;
  const instance = { root: "/r", ...parseInstance("holdall.toml", text) };
  const nothing = {
    unclaimed: [],
    doubled: [],
    leftOut: [],
    sockets: [],
    troubles: [],
    outside: [],
  };
  const holdings = instance.services
    .flatMap(({ units }) => units)
    .map(
      (own): Holding => ({
        unit: own,
        context: "",
        tops: ["x"],
        holes: [],
        ...{ files: 1, bytes: 1, newest: 0 },
        places: on.map((type, at) => ({ type, mount: `/${at}`, subvolume: "" })),
        openBy: written ? [{ pid: 1, name: "w", how: "writes" }] : [],
      }),
    );
  return { ...nothing, instance, now: 0, holdings, powers, before: {}, beforeAt: null };
}

const level = (unit: string, of: Case, pause = true) =>
  reachable(factsOf(unit, of), pause).get("s/u");

const W = { written: true, service: 'pid-file = "x.pid"' };
const FLUSH = 'flush = { steps = [{ http = "s", expect = "ok" }] }';

it.each<[string, string, Case, string, string]>([
  ["at rest", "", {}, "process-crash", "one moment"],
  ["written, nothing said", "", W, "unknown", "one moment"],
  ["sqlite", 'engine="sqlite"', W, "process-crash", "one moment"],
  ["crash-safe: no", 'crash-safe="no"', W, "unknown", "one moment"],
  ["... flushed", `crash-safe="no"\n${FLUSH}`, W, "process-crash", "one moment"],
  ["... drained", 'crash-safe="no"\ndrain={}', W, "process-crash", "one moment"],
  ["a writer nobody can find", 'engine="sqlite"', { written: true }, "unknown", "none"],
  ["no privilege", "", { powers: { ...ALL, privileged: false } }, "unknown", "none"],
  ["no supervisor", "", { powers: { ...ALL, supervisor: false } }, "unknown", "none"],
])("standing: %s", (_, unit, of, inside, across) =>
  expect(level(unit, of)).toMatchObject({ inside, across }),
);

it.each<[string, string, Case, string]>([
  ["copied", 'crash-safe="power"', {}, "unknown"],
  ["one btrfs", 'crash-safe="power"', { on: ["btrfs"] }, "power-crash"],
  ["... that is not synced", 'crash-safe="process"', { on: ["btrfs"] }, "unknown"],
  ["... and another", 'crash-safe="power"', { on: ["btrfs", "btrfs"] }, "unknown"],
])("running: %s", (_, unit, of, inside) =>
  expect(level(unit, of, false)).toMatchObject({ inside, across: "none" }),
);

const COPY = 'engine="sqlite"\ncapture=["copy", "{to}"]';

it.each<[string, string, Case, boolean, string]>([
  ["while everybody runs", COPY, W, false, "native, none"],
  ["where nobody can stand", COPY, { written: true }, true, "native, none"],
  ["but not where all can", COPY, W, true, "process-crash, one moment"],
])("copied by its engine: %s", (_, unit, of, pause, expected) => {
  const found = level(unit, of, pause);
  expect([found?.captured, `${found?.inside}, ${found?.across}`]).toEqual([true, expected]);
  const offers = found?.raise.includes("have its engine copy it: --native (native, none)");
  expect(offers).toBe(found?.inside !== "native");
});

it("knows which units engines copy, with their tablespaces, and which can go alone", () => {
  const state = (id: string, more: string) =>
    `[[state]]\nservice="s"\nid="${id}"\npaths=["${id}"]\n${more}\n`;
  const text = [
    state("pg", 'engine="postgres"\ncut-with=["space"]\ncapture=["b", "{to}"]'),
    state("space", 'engine="postgres"'),
    state("lone", 'engine="postgres"'),
    state("rows", `${COPY}\ncut-with=["files"]`),
    state("files", ""),
    state("log", COPY),
  ].join("");
  const units = parseInstance("holdall.toml", text).services.flatMap((s) => s.units);
  expect([...capturable(units)]).toEqual(["s/pg", "s/space", "s/rows", "s/log"]);
  expect([...separable(units)]).toEqual(["s/pg", "s/space", "s/log"]);
});

it("gives a group the worst of its members", () => {
  const other = 'cut-with=["v"]\n[[state]]\nservice="s"\nid="v"\npaths=["y"]\ncrash-safe="no"';
  expect(level(`crash-safe="power"\n${other}`, W)).toMatchObject({ inside: "unknown" });
  expect(level(`crash-safe="power"\n${other}\ndrain={}`, W)?.inside).toBe("process-crash");
});

it("says what would raise them", () => {
  expect(level('crash-safe="no"', {}, false)?.raise).toEqual([
    "let the services pause",
    "declare a flush or a drain",
  ]);
  expect(level("", { written: true })?.raise).toEqual([
    "declare how its processes are found",
    "declare crash-safe",
  ]);
  expect(level('engine="sqlite"', {})?.raise).toEqual([
    "stop its service before the backup (clean-stop)",
  ]);
});

it("estimates the pause as documented", () => {
  const [holding] = factsOf(
    'flush = { steps = [{ wait = 110 }, { http = "s", expect = "o" }] }',
    {},
  ).holdings;
  if (holding === undefined) throw new Error("no unit");
  const { unit } = holding;
  expect(pauseOf(unit, ["btrfs"], 1_000_000, 1e9)).toBe(5 + 110 + 10 + 5);
  expect(pauseOf(unit, ["reflink"], 1000, 0)).toBe(5 + 120 + 5 + 50);
  expect(pauseOf(unit, ["copy"], 1000, 200_000_000)).toBe(5 + 120 + 20 + 20 + 1000);
  expect(pauseOf(unit, ["copy"], 0, -5)).toBe(5 + 120 + 20);
});
