/** Instances from the command line: inventory, what a backup takes of one, what comes back. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { world } from "../support/command.ts";
import { DESCRIPTOR, put, smallInstance } from "../support/instance.ts";

it("prints the inventory as text, JSON and Markdown, never what is in a secret", () => {
  using w = world();
  const root = w.at("hero");
  smallInstance(root);
  const told = w.run(["inventory", root]);
  expect(told.err).toBe("");
  expect(told.status).toBe(0);
  expect(told.out).toMatch(/^unit +context +engine/);
  expect(told.out).toMatch(/db\/databases +1 +redb +authoritative +truth/);
  const marked = w.run(["inventory", "--markdown", root]);
  expect(marked.out).toMatch(/^# small\n\n\| unit \| context \|.*\n\| --- /);
  expect(marked.out).toContain("| db/databases | 1 | redb |");
  const json = w.json(["inventory", root]);
  expect(json).toMatchObject({ event: "inventory", instance: "small", doubled: [] });
  for (const { out } of [told, marked, { out: JSON.stringify(json) }])
    expect(out).not.toContain("s3cr3t-value");
  expect(w.run(["inventory", "--strict", root]).status).toBe(0);
  put(root, { "var/stray": "x" });
  const strict = w.run(["inventory", "--strict", root]);
  expect(strict.status).toBe(21);
  expect(strict.err).toMatch(/^holdall: 1 B in 1 place are claimed by nobody, 0 paths twice\n/);
}, 60_000);

it("ends with the documented status and one line where a descriptor is wrong", () => {
  using w = world();
  const root = w.at("hero");
  smallInstance(root);
  const fails = (args: string[], status: number, message: RegExp) => {
    const r = w.run(args);
    expect(r.err, args.join(" ")).toMatch(/^holdall: [^\n]+\n {2}[^\n]+\n$/);
    expect(r.err).toMatch(message);
    expect(r.status).toBe(status);
  };
  const live = ["backup", "--instance", root, "--no-pause"];
  fails(["inventory", w.at("none")], 1, /no such file/);
  fails(["inventory"], 2, /missing required argument/);
  fails(["backup", "--instance", root, "--require", "safe"], 2, /--require safe: no level/);
  fails(["backup", "--service", "db", root], 2, /--service goes with --instance/);
  fails([...live, "/srv"], 2, /neither paths/);
  fails([...live, "--service", "none"], 2, /there is no service none; there are: db chat/);
  fails([...live, "--context", "none"], 2, /there is no context none; there are: 1 2 acme geomind/);
  fails([...live, "--context", "../x"], 2, /"..\/x" is no name of a context/);
  fails(
    [...live, "--context", "acme"],
    1,
    /cannot be separated in: chat\/files \(none\), chat\/rows \(rows\), /,
  );
  rmSync(join(root, "var/keys"), { recursive: true });
  fails(live, 20, /holdall.toml:\d+: unit secrets\/keys matches nothing: var\/keys/);
  expect(w.run(["inventory", root]).status).toBe(20);
  put(root, {
    "var/keys/k": "k",
    "cfg/x/service.toml": 'name="x"\n[[state]]\nid="y"\npaths=["var/k*"]',
  });
  fails(live, 20, /var\/keys\/k is claimed by secrets\/keys and x\/y/);
  put(root, { "cfg/x/service.toml": 'name="x"\n[[state]]\nid="y"\npath=["var/k*"]' });
  fails(["inventory", root], 20, /cfg\/x\/service.toml:2: unit x\/y has no paths/);
}, 60_000);

it("saves an instance as it runs, says what it leaves, and brings it back", () => {
  using w = world();
  const root = w.at("hero");
  smallInstance(root);
  expect(w.run(["init"]).status).toBe(0);
  const live = ["backup", "--instance", root, "--no-pause"];
  const dry = w.run([...live, "--dry-run"]);
  expect(dry.out).toMatch(/^take +books\/text +acme +authoritative +12 B +unknown, none\n/);
  expect(dry.out).toMatch(
    /leave +books\/index +acme +derived, cheap to make again +bin\/books index/,
  );
  expect(dry.out).toContain("dry run");
  expect(w.run(live).status).toBe(0);
  const [snapshot] = JSON.parse(w.run(["--json", "snapshots"]).out) as Record<string, unknown>[];
  expect(snapshot).toMatchObject({ instance: "small", files: 12 });
  expect(w.run(["snapshots"]).out).toMatch(/small \(acme geomind 1 2\)|small \(/);
  const back = w.at("back");
  expect(w.run(["restore", "latest", "--to", back]).status).toBe(0);
  const there = (name: string) => join(back, root, name);
  expect(readFileSync(there("var/books/acme/a.md"), "utf8")).toBe("book of acme");
  expect(readFileSync(there("var/git/Cargo.lock"), "utf8")).toContain("data");
  const gone = [
    "var/chat/chat.db-shm",
    "var/git/r.git/refs/heads/main.lock",
    "var/books/acme/index",
  ];
  expect(gone.filter((name) => existsSync(there(name)))).toEqual([]);
  const one = w.json([...live, "--service", "books", "--context", "acme"]);
  expect(one).toMatchObject({ event: "snapshot", files: 1 });
  expect(w.run(["check"]).status).toBe(0);
}, 60_000);

it("brings an instance back at a root with a configuration of its own, and starts it", () => {
  using w = world();
  const root = w.at("hero");
  smallInstance(root);
  expect(w.run(["init"]).status).toBe(0);
  expect(w.run(["backup", "--instance", root, "--no-pause"]).status).toBe(0);
  const program = (body: string) => {
    put(target, {
      "bin/db": `#!/bin/sh\n${body}\n`,
      "bin/well": '#!/bin/sh\ncat "$(dirname "$0")/../well"\n',
    });
    for (const name of ["db", "well"]) chmodSync(join(target, "bin", name), 0o755);
  };
  const target = w.at("new");
  const well = '[service.health]\nsteps = [{ run = ["bin/well"], until = "yes" }]\n';
  const descriptor = DESCRIPTOR.replace('\n[[service]]\nname = "chat"', `${well}$&`);
  put(target, { "holdall.toml": descriptor, "var/keys/token": "new" });
  program('echo yes >"$(dirname "$0")/../well"');
  const restore = ["restore", "latest", "--instance", target];
  const dry = w.run([...restore, "--dry-run"]);
  expect([dry.status, existsSync(join(target, "var/books"))]).toEqual([0, false]);
  const told = w.run(restore);
  expect(told.err).toBe("");
  expect(told.status).toBe(0);
  expect(told.out).toMatch(/replaced var\/keys: secrets are the snapshot's\n/);
  expect(told.out).toMatch(/not saved, make it again: books\/index/);
  expect(told.out).toMatch(/started db\nstart yourself: /);
  expect(readFileSync(join(target, "var/books/acme/a.md"), "utf8")).toBe("book of acme");
  expect(readFileSync(join(target, "var/keys/token"), "utf8")).toBe("s3cr3t-value");
  const again = w.run(restore);
  expect(again.status).toBe(1);
  expect(again.err).toMatch(
    /^holdall: \S+ of \S+ is not empty; a restore never mixes two states\n/,
  );

  // One that was killed goes on; a service that is not well is told, and the state is there.
  const [{ id = "" } = {}] = JSON.parse(w.run(["--json", "snapshots"]).out) as { id: string }[];
  writeFileSync(join(target, ".holdall-restore"), id);
  rmSync(join(target, "var/books/acme/a.md"));
  program("exit 1");
  const ill = w.run(restore);
  expect(ill.status).toBe(24);
  expect(ill.err).toMatch(/^holdall: db: [^\n]+\n {2}its state is restored; /);
  expect(existsSync(join(target, "var/books/acme/a.md"))).toBe(true);
  expect(existsSync(join(target, ".holdall-restore"))).toBe(false);
}, 60_000);

it("refuses what is no instance, and options that do not go together", () => {
  using w = world();
  expect(w.run(["init"]).status).toBe(0);
  expect(w.run(["backup", w.source]).status).toBe(0);
  const target = w.at("new");
  mkdirSync(target);
  const fails = (args: string[], status: number, message: RegExp) => {
    const r = w.run(["restore", "latest", ...args]);
    expect(r.err, args.join(" ")).toMatch(message);
    expect(r.status).toBe(status);
  };
  fails(["--instance", target], 1, /^holdall: the snapshot is of folders and not of an instance/);
  fails(["--instance", target, "--to", target], 2, /^holdall: say where to: /);
  fails(["--instance", target, "--delete"], 2, /--delete does not go with --instance/);
  fails(["--to", target, "--no-start"], 2, /--owner and --no-start go with --instance only/);
  fails(["--to", target, "--owner", "a=b"], 2, /--owner and --no-start go with --instance only/);
}, 60_000);
