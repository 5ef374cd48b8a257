/** How a unit is tried is read with its faults, and texts get what their placeholders stand for. */
import { describe, expect, it } from "vitest";
import { fill } from "../../src/base/fill.ts";
import { validate } from "../../src/instance/load.ts";
import { parseInstance } from "../../src/instance/parse.ts";
import { matching, textOf } from "../../src/instance/trial.ts";
import { put } from "../support/instance.ts";
import { temporary } from "../support/tree.ts";

const HEAD = `[supervisor]
protocol = "zinit"
socket = "z.sock"
start = ["ctl", "start", "{service}"]

[[service]]
name = "db"
ports = [5432, 6666]

`;
const unit = (more: string, id = "rows") =>
  `[[state]]\nservice = "db"\nid = "${id}"\npaths = ["var/${id}"]\n${more}\n`;

describe("a descriptor", () => {
  it("says how a unit is tried, what it is asked, and what its service binds", () => {
    const text =
      HEAD +
      unit(`count = { run = ["count"] }\nverify = { start = ["db", "{clone}"], timeout = 5 }`) +
      unit('verify = { with = "rows" }', "log");
    const { services, supervisor } = parseInstance("f", text);
    expect(supervisor?.start?.steps[0]).toMatchObject({ command: ["ctl", "start", "{service}"] });
    const [db] = services;
    expect(db?.ports).toEqual([5432, 6666]);
    const [rows, log] = db?.units ?? [];
    expect(rows?.verify).toEqual({
      ...{ with: null, start: ["db", "{clone}"], steps: [], each: [], timeout: 5 },
    });
    expect([rows?.count?.kind, rows?.digest]).toEqual(["command", null]);
    expect(log?.verify).toMatchObject({ with: "db/rows", start: null, timeout: 60_000 });
    const whole = { name: "x", root: "/x", supervisor, services };
    expect(() => validate(whole)).not.toThrow();
  });

  it.each([
    [unit("verify = {}"), "f:14: verify must have either with, or start, steps or both of them"],
    [unit('verify = { with = "x", start = ["db"] }'), "f:14: verify must have either with, or"],
    [unit('verify = { start = ["db"], each = ["*"] }'), "f:14: each goes with steps"],
    [unit('verify = { start = "db" }'), "f:14: start must be an array of arguments"],
    [unit('verify = { start = ["db"], retries = 1 }'), 'f:14: verify has no field "retries"'],
  ])("is refused with file and line where it makes no sense: %s", (text, message) => {
    expect(() => parseInstance("f", HEAD + text)).toThrow(message);
  });

  it("names no port that is none, and no unit that shows nothing", () => {
    expect(() => parseInstance("f", HEAD.replace("6666", "66666"))).toThrow("66666 is no port");
    const chained = unit('verify = { with = "log" }') + unit('verify = { with = "rows" }', "log");
    const { services, supervisor } = parseInstance("f", HEAD + chained);
    expect(() => validate({ name: "x", root: "/x", supervisor, services })).toThrow(
      "unit db/rows: verify.with names no unit that is verified: db/log",
    );
  });
});

describe("placeholders", () => {
  it("are filled in every text, as JSON where the text is JSON, and other braces are data", () => {
    const step = { command: ["x", "{clone}/a", "{", "{other}", "{}"], params: '{"at":"{clone}"}' };
    const filled = fill({ steps: [step], timeout: 1 }, (name) =>
      name === "clone" ? '/c"d' : null,
    );
    expect(filled.steps[0]?.command).toEqual(["x", '/c"d/a', "{", "{other}", "{}"]);
    expect(JSON.parse(filled.steps[0]?.params ?? "")).toEqual({ at: '/c"d' });
    expect(filled.timeout).toBe(1);
    expect(fill("--key={file:cfg/key}", (name) => `<${name}>`)).toBe("--key=<file:cfg/key>");
  });

  it("stand for paths that globs mean, and for what a file says", () => {
    using place = temporary();
    put(place.path, { "a/one.db": "1", "a/b/two.db": "2", "a/three.txt": "3\n" });
    expect(matching(place.path, ["a/*.db"])).toEqual(["a/one.db"]);
    expect(matching(place.path, ["**/*.db"])).toEqual(["a/b/two.db", "a/one.db"]);
    expect(matching(place.path, ["b/*"])).toEqual([]);
    expect(textOf(place.path, "a/three.txt")).toBe("3");
  });
});
