/** What `npm pack` gives installs offline into an empty folder, without a compiler, and works. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { smoke } from "./support/smoke.ts";

const ROOT = resolve(import.meta.dirname, "..");
const place = mkdtempSync(join(tmpdir(), "holdall-package-"));
const packs = join(place, "packs");
const bare = join(place, "bin");
const installed = join(place, "installed");

interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly files: { readonly path: string }[];
}

function pack(...what: string[]): Packed[] {
  const args = ["pack", ...what, "--json", "--ignore-scripts", "--pack-destination", packs];
  const said = JSON.parse(execFileSync("npm", args, { cwd: ROOT, encoding: "utf8" })) as object;
  return Object.values(said) as Packed[];
}

/** A PATH on which nothing is but what an installed holdall may count on. */
function makeBare(): void {
  mkdirSync(bare);
  for (const name of ["node", "npm", "env", "sh"]) {
    const path = execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    symlinkSync(path, join(bare, name));
  }
}

let own: Packed[] = [];

beforeAll(() => {
  for (const folder of [packs, installed]) mkdirSync(folder);
  makeBare();
  own = pack("--workspaces", "--include-workspace-root");
  // The packages that holdall needs come from this clone: nothing is fetched, from nowhere.
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    dependencies: object;
  };
  // The last is one that the TOML parser needs.
  const names = [...Object.keys(dependencies), "eslint-visitor-keys"];
  const needed = pack(...names.map((name) => `./node_modules/${name}`));
  const files = [...own, ...needed].map(({ filename }) => join(packs, filename));
  const env = { PATH: bare, HOME: place, npm_config_cache: join(place, "cache") };
  const quiet = ["--offline", "--no-audit", "--no-fund", "--no-update-notifier"];
  execFileSync("npm", ["install", ...quiet, ...files], { cwd: installed, env, stdio: "pipe" });
}, 120_000);

afterAll(() => rmSync(place, { recursive: true, force: true }));

const paths = (name: string) => own.find((p) => p.name === name)?.files.map((f) => f.path) ?? [];

describe("npm pack", () => {
  it("gives holdall with its documents, its types and nothing of its tests", () => {
    const has = ["README.md", "LICENSE", "FORMAT.md", "package.json", ".build/src/index.d.ts"];
    expect(paths("holdall")).toEqual(expect.arrayContaining([...has, ".build/bin/holdall.js"]));
    expect(paths("holdall").filter((p) => /(^|\/)(test|bench|native)\//.test(p))).toEqual([]);
  });

  it("gives the platform package: the core, its types, the watchdog, and the licence", () => {
    const has = ["LICENSE", "binding.d.ts", "holdall-watchdog", "holdall.node", "package.json"];
    expect(paths("@holdall/linux-x64").sort()).toEqual(has);
  });

  it("gives what saves and restores without a compiler", () => {
    expect(() => execFileSync("cc", ["--version"], { env: { PATH: bare } })).toThrow("ENOENT");
    const { saved, back } = smoke([join(installed, "node_modules/.bin/holdall")], place, bare);
    expect(saved).toHaveLength(3);
    expect(back).toEqual(saved);
  }, 60_000);

  it("gives types that a program compiles against", () => {
    const program = 'import { openStore } from "holdall"; export const store = openStore("/x");';
    execFileSync("sh", ["-c", `printf '%s' '${program}' > program.mts`], { cwd: installed });
    const flags = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--lib",
      "es2023,esnext.disposable",
    ];
    const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")];
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    execFileSync(tsc, [...flags, ...types, "program.mts"], { cwd: installed, stdio: "pipe" });
  }, 60_000);
});

describe("the clone", () => {
  it("runs holdall by npx", () => {
    const said = execFileSync("npx", ["--offline", "holdall", "--version"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    expect(said).toMatch(/^\d+\.\d+\.\d+\n$/);
  }, 60_000);
});
