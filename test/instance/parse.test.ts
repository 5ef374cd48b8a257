/** Descriptors: what is read, and that each fault is one line with file and line. */
import { describe, expect, it } from "vitest";
import { parseInstance, parseService } from "../../src/instance/parse.ts";

const INSTANCE = `name = "demo"

[supervisor]
protocol = "zinit"
socket = "var/sockets/zinit.sock"

[[service]]
name = "db"
supervised = "hero_redis"
socket = "var/sockets/db.sock"
start = ["bin/db", "--data-dir", "{root}/var/db"]
stop = { signal = "SIGINT", timeout = 2000, exit = 0, absent = ["var/db/*.wal"] }

[service.health]
steps = [{ redis = "var/sockets/db.sock", command = ["PING"], expect = "PONG" }]

[[service]]
name = "mail"
depends-on = ["db"]

[[state]]
service = "db"
id = "databases"
paths = ["var/db/db{context}.redb", "var/db/db{context}/vectors/"]
engine = "redb"
separation = "database"
crash-safe = "process"
context-names = { 1 = "geomind" }
schema = { name = "redb 2", ask = { rpc = "s.sock", method = "schema", params = { a = [1] } } }

[state.flush]
timeout = 1000
steps = [
  { wait = 110 },
  { redis = "s.sock", command = ["SET", "m", "{marker}"], databases = ["*"], times = 2, expect = "OK" },
]

[[state]]
service = "config"
id = "outside"
paths = ["/etc/demo"]
class = "secret"
cut-with = ["db/databases"]
`;

const message = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing was wrong";
};

const state = (more: string) => `name = "s"\n[[state]]\nid = "u"\npaths = ["var/s"]\n${more}`;
const unit = (more: string) => parseService("s.toml", state(more))?.units[0];

describe("holdall.toml", () => {
  const { name, supervisor, services } = parseInstance("holdall.toml", INSTANCE);
  const [db, mail, config] = services;

  it("names the instance, its supervisor and its services", () => {
    expect(name).toBe("demo");
    expect(supervisor).toMatchObject({ protocol: "zinit", socket: "var/sockets/zinit.sock" });
    expect(services.map((s) => s.name)).toEqual(["db", "mail", "config"]);
    expect(mail).toMatchObject({ dependsOn: ["db"], units: [] });
  });

  it("says how a service starts, stops and is asked", () => {
    expect(db?.start?.steps).toMatchObject([{ kind: "command", command: { length: 3 } }]);
    expect(db?.stop).toMatchObject({ signal: "SIGINT", timeout: 2000, exit: 0 });
    expect(db?.health?.steps).toMatchObject([{ kind: "redis", expect: "PONG" }]);
  });

  it("says what a unit is and how it is flushed", () => {
    const [databases] = db?.units ?? [];
    expect(databases?.paths[1]).toBe("var/db/db{context}/vectors");
    expect(databases?.contextNames).toEqual({ 1: "geomind" });
    expect(databases?.schema?.ask).toMatchObject({ kind: "rpc", params: '{"a":[1]}' });
    expect(databases?.flush).toMatchObject({
      timeout: 1000,
      onFailure: "fail",
      steps: [{ kind: "wait" }, { kind: "redis", databases: ["*"], times: 2 }],
      undo: [],
    });
    expect(databases?.declared).toEqual({ file: "holdall.toml", line: 21 });
  });

  it("may declare what lies outside the root", () => {
    expect(config?.units[0]).toMatchObject({ paths: ["/etc/demo"], cutWith: ["db/databases"] });
  });
});

describe("service.toml", () => {
  it("is none without state", () => expect(parseService("s.toml", 'name = "s"')).toBeNull());

  it("lets the service's own tables be", () => {
    const own = parseService("s.toml", `${state("")}[lifecycle]\nrestart = "always"\n`);
    expect(own).toMatchObject({ name: "s", origin: "declared" });
  });

  it("takes separation by path from the paths", () => {
    const text = state("").replace("var/s", "var/s/{context}");
    expect(parseService("s.toml", text)?.units[0]?.separation).toBe("path");
    expect(unit("")?.separation).toBe("none");
  });

  it.each<[string, string]>([
    ['engin = "redis"', 's.toml:5: [[state]] has no field "engin"'],
    ["engine = 3", "s.toml:5: engine must be a text"],
    ['engine = "mysql"', 's.toml:5: engine is "mysql", not one of: files sqlite'],
    ['except = ["a",\n "b",\n 3]', "s.toml:7: except must hold texts only"],
    ['except = ["../a"]', 's.toml:5: path "../a" has .. in it'],
    ['except = ["/etc"]', 's.toml:5: path "/etc" lies outside the instance'],
    ['except = ["{name}"]', 's.toml:5: path "{name}" has braces beside {context}'],
    ['context-names = { a = "../b" }', 's.toml:5: "../b" is no name of a context'],
    ['rebuild = "make all"', "s.toml:5: rebuild must be an array of arguments"],
    ["rebuild = []", "s.toml:5: rebuild names no program"],
    ["flush = { steps = [{ wait = 1 }] }", "s.toml:5: flush is not observed"],
    ["flush = { steps = [] }", "s.toml:5: flush has no steps"],
    ["flush = { steps = [{ wiat = 1 }] }", "s.toml:5: a step must have exactly one of: run"],
    ["[state.flush]\nsteps = [\n{ wait = 1, x = 2 }]", 's.toml:7: steps has no field "x"'],
    ["drain = { steady = 0 }", "s.toml:5: steady must be above 0"],
    ["drain = { steady = -1 }", "s.toml:5: steady must be a whole number"],
    ["drain = { timeout = 1.5 }", "s.toml:5: timeout must be a whole number"],
    ["optional = 2024-01-01", "s.toml:5: optional cannot be a date"],
    ['optional = "yes"', "s.toml:5: optional must be true or false"],
    ['crash-safe = "yes"', 's.toml:5: crash-safe is "yes", not one of: process power no'],
    ["engine = ", "s.toml:5: Unspecified values are invalid"],
    ['id = "v"', "s.toml:5: "],
    ['[holdall]\nstop = { signal = "SIGKILL" }', 's.toml:6: signal is "SIGKILL"'],
  ])("refuses %j", (more, said) => {
    expect(message(() => unit(more))).toContain(said);
    expect(message(() => unit(more))).not.toContain("\n");
  });

  it("refuses a unit without id or paths, a name with a slash, and outside paths", () => {
    const parse = (text: string) => message(() => parseService("s.toml", text));
    expect(parse('name = "s"\n[[state]]\npaths = ["a"]')).toBe("s.toml:2: [[state]] lacks id");
    expect(parse('name = "s"\n[[state]]\nid = "u"')).toBe("s.toml:2: unit s/u has no paths");
    expect(parse('name = "a/b"\n[[state]]\nid = "u"')).toMatch(/^s.toml:1: name "a\/b" must be/);
    expect(parse(state("").replace("var/s", "/var/s"))).toMatch(/^s.toml:4: path "\/var\/s" lies/);
  });
});
