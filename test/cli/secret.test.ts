/** Where the repository and its secret come from, and which of them wins. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseConfig } from "../../src/cli/config.ts";
import { MAIN, world } from "../support/command.ts";

const NONE = { HOLDALL_KEYFILE: undefined, HOLDALL_REPOSITORY: undefined };

it("flags win over the environment, that over the named repository", () => {
  using w = world(true);
  const file = (name: string, digits: string) => {
    writeFileSync(w.at(name), digits.repeat(32));
    return w.at(name);
  };
  const [right, wrong] = [w.at("key"), file("wrong", "11")];
  w.run(["init"]);
  const folder = w.at(".config/holdall");
  mkdirSync(folder, { recursive: true });
  const configure = (keyfile: string) =>
    writeFileSync(
      `${folder}/config.json`,
      JSON.stringify({ repositories: { nas: { repository: "../../repo", keyfile } } }),
    );
  const status = (keyfile: string, env: object, ...flags: string[]) => {
    configure(keyfile);
    return w.run(["snapshots", "-r", "nas", ...flags], { env: { ...NONE, ...env } }).status;
  };
  expect(status(right, {})).toBe(0);
  expect(status("../../key", {})).toBe(0);
  expect(status(right, { HOLDALL_KEYFILE: wrong })).toBe(12);
  expect(status(wrong, { HOLDALL_KEYFILE: right })).toBe(0);
  expect(status(right, { HOLDALL_KEYFILE: right }, "--keyfile", wrong)).toBe(12);
  expect(status(wrong, { HOLDALL_KEYFILE: wrong }, "--keyfile", right)).toBe(0);
  expect(status(wrong, { HOLDALL_REPOSITORY: "nowhere" }, "--keyfile", right)).toBe(0);
  const named = { env: { ...NONE, HOLDALL_REPOSITORY: "nas" } };
  expect(w.run(["snapshots", "--keyfile", right], named).status).toBe(0);
  expect(status(right, {}, "--keyfile", right, "--passphrase-file", right)).toBe(2);
}, 60_000);

it("takes a passphrase from a file, a command, or the environment, without its line end", () => {
  using w = world(true);
  const env = (name: string, value: string) => ({
    env: { HOLDALL_KEYFILE: undefined, [name]: value },
  });
  writeFileSync(w.at("phrase"), "correct horse\r\n");
  expect(w.run(["init"], env("HOLDALL_PASSPHRASE", "correct horse")).status).toBe(0);
  expect(w.run(["snapshots"], env("HOLDALL_PASSPHRASE_FILE", w.at("phrase"))).status).toBe(0);
  const command = `cat ${w.at("phrase")} | tr -d '\\r'`;
  expect(w.run(["snapshots"], env("HOLDALL_PASSPHRASE_COMMAND", command)).status).toBe(0);
  const flag = ["--passphrase-command", "printf 'correct %s' horse"];
  expect(w.run(["snapshots", ...flag]).status).toBe(0);
  expect(w.json(["snapshots", "--passphrase-command", "exit 4"])).toMatchObject({
    code: "no_secret",
    message: "the passphrase command failed: exit 4",
  });
  expect(w.run(["snapshots"], env("HOLDALL_PASSPHRASE", "correct horse ")).status).toBe(12);
}, 60_000);

/** Runs the command on a pseudo-terminal of its own; types each answer when its question comes. */
const TYPIST = `
import os, pty, sys, time
answers = sys.argv[1].split("|")
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen = b""
for answer in answers:
    question, typed = answer.split(">")
    while question.encode() not in seen:
        seen += os.read(fd, 4096)
    shown = seen
    seen = b""
    sys.stdout.buffer.write(shown)
    time.sleep(0.2)
    os.write(fd, typed.encode().decode("unicode_escape").encode())
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    sys.stdout.buffer.write(data)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
`;

it("asks on the terminal without echo, twice for a new passphrase", () => {
  using w = world(true);
  const env = { ...w.env, HOLDALL_KEYFILE: "", TERM: "dumb" };
  const type = (answers: string, args: string[]) => {
    const command = [process.execPath, MAIN, ...args];
    const r = spawnSync("python3", ["-c", TYPIST, answers, ...command], { env, encoding: "utf8" });
    return { status: r.status, out: r.stdout };
  };
  const made = type("Passphrase:>tell no one\\r|again:>tell no one\\r", ["init"]);
  expect(made.status).toBe(0);
  expect(made.out).toContain("Recovery key");
  expect(made.out).not.toContain("tell");
  const opened = type("Passphrase:>tell no one\\r", ["snapshots"]);
  expect(opened.status).toBe(0);
  expect(opened.out).toContain("no snapshots");
  expect(opened.out).not.toContain("tell");
  const other = type("Passphrase:>one\\r|again:>two\\r", ["init", "-r", w.at("other")]);
  expect(other.out).toContain("the two passphrases differ");
  expect(other.status).toBe(2);
  expect(type("Passphrase:>half\\x03", ["snapshots"]).status).toBe(130);
  expect(type("Passphrase:>\\x04", ["snapshots"]).status).toBe(12);
}, 60_000);

it.each([
  ["{", "no JSON"],
  ["[]", "/c: not an object"],
  ['{"repos": {}}', "/c: unknown field repos"],
  ['{"repositories": {"a": {"repository": "/x", "pass": "y"}}}', "repositories.a: unknown field"],
  ['{"repositories": {"a": {"repository": 7}}}', "/c: repositories.a.repository: not a text"],
  ['{"repositories": {"a": {}}}', "repositories.a: the field repository is missing"],
])(
  "refuses the config %s",
  (text, message) => {
    expect(() => parseConfig(text, "/c")).toThrow(message);
  },
  60_000,
);

it("names the config file that is asked for and cannot be used", () => {
  using w = world(true);
  const config = { env: { HOLDALL_CONFIG: w.at("absent.json") } };
  expect(w.json(["snapshots"], config)).toMatchObject({ code: "config", exit: 2 });
  expect(w.json(["snapshots"], config).message).toContain("absent.json");
}, 60_000);
