/**
 * The programs of others that the demo instance is made of: where they are, and how one that is
 * missing is installed.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const QUICK =
  "CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 " +
  "CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo install --locked --no-default-features --bin";

/** What installs each part; `.ci/run` does the same. */
export const INSTALL = {
  hero_redis: `${QUICK} hero_redis hero_redis --version 0.3.1 --features server`,
  "zinit-server": `${QUICK} zinit-server zinit --version 0.3.9 --features client,server`,
  "redis-server": "apt-get install redis-server",
  postgres: "apt-get install postgresql",
  sqlite3: "apt-get install sqlite3",
  pg_basebackup: "apt-get install postgresql",
  git: "apt-get install git",
  python3: "apt-get install python3",
  "python3-lmdb": "apt-get install python3-lmdb",
  unshare: "run as root (the instance has namespaces of its own)",
} as const;
export type Part = keyof typeof INSTALL;

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Debian keeps PostgreSQL's programs beside each other, by version and not on the path. */
function postgresFolders(): string[] {
  try {
    const versions = readdirSync("/usr/lib/postgresql").map(Number);
    return versions.sort((a, b) => b - a).map((v) => `/usr/lib/postgresql/${v}/bin`);
  } catch {
    return [];
  }
}

/** A program's path; null where there is none. */
export function program(name: string): string | null {
  const cargo = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "bin");
  const folders = [...postgresFolders(), ...(process.env.PATH ?? "").split(":"), cargo];
  return folders.map((folder) => join(folder, name)).find(executable) ?? null;
}

function runs(command: string, ...words: string[]): boolean {
  try {
    execFileSync(command, words, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/**
 * The interpreter of the daemons: the system's, which every user may run and which has the modules
 * of its packages; a person's own one is often neither.
 */
export const PYTHON = "/usr/bin/python3";

function isThere(part: Part): boolean {
  if (part === "python3") return executable(PYTHON);
  if (part === "python3-lmdb") return runs(PYTHON, "-c", "import lmdb");
  if (part === "unshare") return runs("unshare", "-n", "-p", "-m", "-f", "true");
  return program(part) !== null;
}

const known = new Map<Part, boolean>();

/** Whether a part can be used here; asked once. */
export function has(part: Part): boolean {
  const found = known.get(part) ?? isThere(part);
  known.set(part, found);
  return found;
}

/** A program that must be there, since its part was found. */
export function needed(name: string): string {
  const path = program(name);
  if (path === null) throw new Error(`${name} is not installed`);
  return path;
}
