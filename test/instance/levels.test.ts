/** What a unit is worth, as a table: engine, what its descriptor says, and what this run may do. */
import { expect, it } from "vitest";
import type { Service } from "../../src/instance/descriptor.ts";
import { levelsOf, pauseOf, type Standing, worst } from "../../src/instance/levels.ts";
import { parseInstance } from "../../src/instance/parse.ts";

function standing(more: string, changes: Partial<Standing> = {}, service = ""): Standing {
  const text = `[[service]]\nname="s"\n${service}\n[[state]]\nservice="s"\nid="u"\npaths=["x"]\n${more}`;
  const [own] = parseInstance("holdall.toml", text).services as [Service];
  const [unit] = own.units;
  if (unit === undefined) throw new Error("no unit");
  return {
    unit,
    service: own,
    openBy: [],
    freezers: ["copy"],
    powers: { privileged: true, supervisor: true },
    captures: [],
    pause: true,
    ...changes,
  };
}

const WRITER = { openBy: [{ pid: 1, name: "w", how: "writes" as const }] };
const FOUND = 'pid-file = "x.pid"';
const FLUSH = 'flush = { steps = [{ http = "s", expect = "ok" }] }';

it.each<[string, Standing, string, string]>([
  ["at rest", standing(""), "process-crash", "one moment"],
  ["written, nothing said", standing("", WRITER, FOUND), "unknown", "one moment"],
  ["sqlite", standing('engine="sqlite"', WRITER, FOUND), "process-crash", "one moment"],
  ["crash-safe: no", standing('crash-safe="no"', WRITER, FOUND), "unknown", "one moment"],
  [
    "... flushed",
    standing(`crash-safe="no"\n${FLUSH}`, WRITER, FOUND),
    "process-crash",
    "one moment",
  ],
  [
    "... drained",
    standing('crash-safe="no"\ndrain={}', WRITER, FOUND),
    "process-crash",
    "one moment",
  ],
  ["a writer that cannot be found", standing('engine="sqlite"', WRITER), "unknown", "none"],
  [
    "no privilege",
    standing("", { powers: { privileged: false, supervisor: true } }),
    "unknown",
    "none",
  ],
  [
    "no supervisor",
    standing("", { powers: { privileged: true, supervisor: false } }),
    "unknown",
    "none",
  ],
  ["running, copied", standing('crash-safe="power"', { pause: false }), "unknown", "none"],
  [
    "running, btrfs",
    standing('crash-safe="power"', { pause: false, freezers: ["btrfs"] }),
    "power-crash",
    "none",
  ],
  [
    "... not synced",
    standing('crash-safe="process"', { pause: false, freezers: ["btrfs"] }),
    "unknown",
    "none",
  ],
  [
    "... over two",
    standing('crash-safe="power"', { pause: false, freezers: ["btrfs", "copy"] }),
    "unknown",
    "none",
  ],
  [
    "captured",
    standing('engine="sqlite"', { pause: false, captures: ["sqlite"] }),
    "native",
    "none",
  ],
])("%s", (_, of, inside, across) => expect(levelsOf(of)).toMatchObject({ inside, across }));

it("says what would raise them", () => {
  expect(levelsOf(standing('crash-safe="no"', { pause: false })).raise).toEqual([
    "let the services pause",
    "declare a flush or a drain",
  ]);
  expect(levelsOf(standing("", WRITER)).raise).toEqual([
    "declare how its processes are found",
    "declare crash-safe",
  ]);
  const stops = `${FOUND}\nstart=["a"]\nstop={exit=0}`;
  expect(levelsOf(standing('engine="sqlite"', {}, stops)).raise).toEqual([
    "stop it cleanly for the cut (clean-stop)",
  ]);
});

it("takes the worst of a group", () => {
  const good = { inside: "native", across: "one moment" } as const;
  expect(worst([good, { inside: "power-crash", across: "order kept" }])).toEqual({
    inside: "power-crash",
    across: "order kept",
  });
  expect(worst([])).toEqual({ inside: "unknown", across: "none" });
});

it("estimates the pause as documented", () => {
  const { unit } = standing('flush = { steps = [{ wait = 110 }, { http = "s", expect = "ok" }] }');
  expect(pauseOf(unit, ["btrfs"], 1_000_000, 1e9)).toBe(5 + 110 + 10 + 5);
  expect(pauseOf(unit, ["reflink"], 1000, 0)).toBe(5 + 120 + 5 + 50);
  expect(pauseOf(unit, ["copy"], 1000, 200_000_000)).toBe(5 + 120 + 20 + 20 + 1000);
  expect(pauseOf(unit, ["copy"], 0, -5)).toBe(5 + 120 + 20);
});
