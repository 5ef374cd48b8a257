/** Help, man page and completion: one table, told in several ways. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EXIT_STATUS } from "../../src/base/failure.ts";
import { VERSION } from "../../src/base/version.ts";
import { LOAD } from "../../src/cli/load.ts";
import { GLOBAL_OPTIONS, VERBS } from "../../src/cli/verbs.ts";
import { world } from "../support/command.ts";

const ROOT = join(import.meta.dirname, "../..");

it("has code for every verb, and one version", () => {
  expect(Object.keys(LOAD).sort()).toEqual(Object.keys(VERBS).sort());
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    version: string;
  };
  expect(VERSION).toBe(version);
}, 60_000);

it("tells every verb, option and exit status in help and man page", () => {
  using w = world();
  const help = w.run(["help"]).out;
  expect(w.run(["--help"]).out).toBe(help);
  const man = w.run(["man"]).out.replaceAll("\\-", "-").replaceAll("\\(aq", "'");
  for (const [status, about] of EXIT_STATUS) {
    expect(help).toMatch(new RegExp(`^ {2}${status} +${about}$`, "m"));
    expect(man).toContain(`.B ${status}\n${about}`);
  }
  for (const [name, verb] of Object.entries(VERBS)) {
    expect(help).toContain(verb.about);
    expect(man).toContain(`.SS holdall ${name}`);
    for (const option of [...(verb.options ?? []), ...GLOBAL_OPTIONS]) {
      expect(man).toContain(`.B ${option.flags}`);
    }
  }
  const one = w.run(["restore", "--help"]);
  expect(one.out).toMatch(/--in-place.*EXAMPLES.*holdall restore latest.*EXIT STATUS.* 130 /s);
  expect(w.run(["help", "restore"]).out).toBe(one.out);
  expect(w.run([]).status).toBe(0);
  const narrow = w.run(["help", "backup"], { env: { COLUMNS: "60" } }).out.split("\n");
  const examples = narrow.indexOf("EXAMPLES");
  expect(Math.max(...narrow.slice(0, examples).map((l) => l.length))).toBeLessThanOrEqual(60);
}, 60_000);

it("prints a man page that a formatter takes without a warning", () => {
  using w = world();
  const page = w.run(["man"]).out;
  expect(page).toMatch(/^\.TH HOLDALL 1 /);
  for (const chapter of ["NAME", "SYNOPSIS", "VERBS", "JSON", "FILES", "EXIT STATUS"]) {
    expect(page).toContain(`.SH ${chapter}`);
  }
  const groff = spawnSync("groff", ["-man", "-ww", "-Tutf8"], { input: page, encoding: "utf8" });
  // Where there is no groff, the structure above is what is checked.
  if (groff.error === undefined) expect([groff.status, groff.stderr]).toEqual([0, ""]);
}, 60_000);

/** What bash offers for a line that ends at the cursor. */
function completions(script: string, words: string[], cwd: string): string[] {
  const program = `source ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _holdall; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync("bash", ["--norc", "-c", program, "bash", ...words], {
    encoding: "utf8",
    cwd,
  });
  return out.trim().split("\n");
}

it("completes in bash", () => {
  using w = world();
  const script = w.at("completion.bash");
  writeFileSync(script, w.run(["completion", "bash"]).out);
  mkdirSync(w.at("folder"));
  const offer = (...words: string[]) => completions(script, words, w.place.path);
  expect(offer("holdall", "sn")).toEqual(["snapshots"]);
  expect(offer("holdall", "-r", "x", "ba")).toEqual(["backup"]);
  expect(offer("holdall", "key", "re")).toEqual(["remove"]);
  expect(offer("holdall", "restore", "--in-")).toEqual(["--in-place"]);
  expect(offer("holdall", "restore", "latest", "--to", "fol")).toEqual(["folder"]);
  expect(offer("holdall", "backup", "fol")).toEqual(["folder"]);
  expect(offer("holdall", "backup", "--exclude-")).toEqual(["--exclude-caches"]);
  expect(offer("holdall", "completion", "")).toEqual(["bash", "zsh", "fish"]);
  expect(offer("holdall", "--keyfile", "ke")).toEqual(["key"]);
}, 60_000);

it("prints completions for zsh and fish that name every verb", () => {
  using w = world();
  for (const shell of ["zsh", "fish"]) {
    const script = w.run(["completion", shell]).out;
    for (const name of Object.keys(VERBS)) expect(script).toContain(name);
    const there = spawnSync(shell, ["-n"], { input: script, encoding: "utf8" });
    if (there.error === undefined) expect(there.stderr).toBe("");
  }
  expect(w.run(["completion", "tcsh"]).status).toBe(2);
}, 60_000);

it("has the README say the same", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  for (const [status, about] of EXIT_STATUS) expect(readme).toContain(`| ${status} | ${about} |`);
  for (const name of Object.keys(VERBS)) expect(readme).toContain(`\`${name}\``);
}, 60_000);
