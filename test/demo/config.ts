/**
 * The generator of an instance's programs and configuration: everything but its data.
 *
 * A restored instance gets these from here and not from a snapshot, for another root or user.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { needed, PYTHON } from "./parts.ts";
import {
  as,
  CONTEXTS,
  type Context,
  DAEMONS,
  dataOf,
  type Place,
  PROJECT,
  secret,
  socketsOf,
} from "./place.ts";
import { folderOf, type Service } from "./services.ts";

/** Databases of PostgreSQL belong to this user of its own; who may connect, may be it. */
export const POSTGRES_USER = "hero";
const DESCRIPTORS = join(PROJECT, "test", "demo", "descriptors");

function write(path: string, lines: string[], mode = 0o644): void {
  writeFileSync(path, `${lines.join("\n")}\n`, { mode });
  chmodSync(path, mode);
}

/** Gives what was made to the user of the services. */
export function own({ user }: Place, ...paths: string[]): void {
  if (user !== null) execFileSync("chown", ["-Rh", `${user.uid}:${user.gid}`, ...paths]);
}

function programs(place: Place, services: readonly Service[]): void {
  const bin = join(place.root, "bin");
  mkdirSync(bin, { recursive: true });
  // The program of a service that is not there would be taken for a sign of it.
  const absent = (name: string) =>
    name.startsWith("hero_") && !services.some((service) => `${service.name}.py` === name);
  for (const name of readdirSync(DAEMONS).filter((file) => !absent(file))) {
    const text = readFileSync(join(DAEMONS, name), "utf8");
    if (name === "daemon.py") writeFileSync(join(bin, name), text);
    else write(join(bin, name.slice(0, -3)), [`#!${PYTHON} -B`, text.trimEnd()], 0o755);
  }
  rmSync(join(bin, "hero_redis"), { force: true });
  // The program itself: who runs it may not be able to enter the folder it was installed to.
  if (services.some(({ name }) => name === "hero_db")) {
    cpSync(needed("hero_redis"), join(bin, "hero_redis"));
  }
}

/** What an engine of others reads; paths are relative to its data folder, where it stands. */
const engines: Readonly<Record<string, (place: Place, folder: string) => void>> = {
  redis: (place, folder) =>
    write(join(folder, "redis.conf"), [
      `dir "${dataOf(place, "redis")}"`,
      'unixsocket "../sockets/redis/redis.sock"',
      ...["port 0", "daemonize no", "databases 4", 'save ""'],
      ...["appendonly yes", "appendfsync everysec"],
    ]),
  postgres(_, folder) {
    write(join(folder, "postgresql.conf"), [
      "listen_addresses = ''",
      "unix_socket_directories = '../../sockets/postgres'",
      ...["max_connections = 40", "shared_buffers = 16MB", "wal_level = replica"],
      ...["max_wal_size = 256MB", "min_wal_size = 32MB", "autovacuum_max_workers = 1"],
      ...["log_timezone = 'UTC'", "timezone = 'UTC'", "datestyle = 'iso'"],
    ]);
    write(join(folder, "pg_hba.conf"), [
      `local all ${POSTGRES_USER} trust`,
      `local replication ${POSTGRES_USER} trust`,
    ]);
  },
  hero_db(place, folder) {
    for (const name of ["admin", "key"]) {
      write(join(folder, `${name}.secret`), [secret(place, `hero_db ${name}`)], 0o600);
    }
  },
};

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
const toml = (text: string) => JSON.stringify(text);
const list = (names: readonly string[]) => `[${names.map(toml).join(", ")}]`;

/** What zinit is told of a service. Its `exec` is a line for a shell, which must not stay. */
function supervised(place: Place, service: Service): string[] {
  const exec = `exec ${service.command(place).map(quoted).join(" ")}`;
  return [
    "[service]",
    `name = ${toml(service.name)}`,
    `exec = ${toml(exec)}`,
    `dir = ${toml(folderOf(place, service))}`,
    'env = { HOME = "/nonexistent", RUST_LOG = "warn" }',
    "[dependencies]",
    `after = ${list(service.after)}`,
    `requires = ${list(service.after)}`,
    "[lifecycle]",
    'restart = "on-failure"',
    "restart_delay_ms = 200",
    `stop_signal = ${toml(service.stopSignal)}`,
    "stop_timeout_ms = 10000",
  ];
}

/** `@NAME@` is the path of a program of others. */
const programmed = (text: string) =>
  text.replace(/@([a-z-]+)@/g, (_, name: string) => needed(name));

/** One service as the instance's descriptor has it: who it is, and what its own file says. */
function described({ name, after }: Service, zinit: boolean): string {
  const path = join(DESCRIPTORS, `${name}.toml`);
  return [
    "[[service]]",
    `name = ${toml(name)}`,
    ...(zinit ? [`supervised = ${toml(name)}`] : []),
    `depends-on = ${list(after)}`,
    existsSync(path)
      ? programmed(readFileSync(path, "utf8"))
      : 'stop = { signal = "SIGTERM", exit = 0 }\n',
  ].join("\n");
}

/** The `holdall.toml` of the instance: descriptors of the services that are there. */
function descriptors(services: readonly Service[], zinit: boolean): string[] {
  const [supervised, instance] = ["supervised", "instance"].map((name) =>
    readFileSync(join(DESCRIPTORS, `${name}.toml`), "utf8"),
  );
  const each = services.map((service) => described(service, zinit));
  return ['name = "demo"\n', (zinit && supervised) || "", ...each, instance ?? ""];
}

/** Makes `bin`, `cfg` and the folders of `var`; leaves data that is there alone. */
export function configure(place: Place, services: readonly Service[], zinit: boolean): void {
  programs(place, services);
  for (const { name } of [...services, { name: "zinit" }]) {
    for (const path of [join(place.root, "cfg", name), socketsOf(place, name)]) {
      mkdirSync(path, { recursive: true });
    }
    if (name !== "hero_agent" && name !== "zinit") {
      mkdirSync(dataOf(place, name), { recursive: true });
    }
  }
  for (const { name } of services) engines[name]?.(place, join(place.root, "cfg", name));
  for (const service of services) {
    const lines = supervised(place, service);
    write(join(place.root, "cfg", "zinit", `${service.name}.toml`), lines, 0o600);
  }
  rmSync(join(place.root, "cfg", "hero_agent", "orders.json"), { force: true });
  write(join(place.root, "holdall.toml"), descriptors(services, zinit));
  own(place, join(place.root, "var"), join(place.root, "cfg"), join(place.root, "bin"));
}

/** One context answers before its commits are on the disk, as services with little to lose do. */
const RELAXED: Context = "acme";

/**
 * Makes a PostgreSQL cluster with a tablespace and a database for each context, and ends it again:
 * a log that still has the making of the tablespace would make it again at its first path, so that
 * whoever recovered a copy of it would write into the source.
 */
export function initCluster(place: Place): void {
  const data = join(dataOf(place, "postgres"), "data");
  const space = join(dataOf(place, "postgres"), "space");
  mkdirSync(space, { mode: 0o700 });
  own(place, dataOf(place, "postgres"));
  const run = (input: string, ...words: string[]) => {
    const [command = "", ...rest] = [...as(place), ...words];
    execFileSync(command, rest, { input, stdio: ["pipe", "pipe", "pipe"], cwd: "/" });
  };
  const flags = ["--no-sync", "--auth=trust", "--locale=C", "--encoding=UTF8"];
  run("", needed("initdb"), "-D", data, "-U", POSTGRES_USER, ...flags);
  const statements = [
    `CREATE TABLESPACE space LOCATION '${space.replaceAll("'", "''")}'`,
    ...CONTEXTS.map((context) => `CREATE DATABASE ${context}`),
    `ALTER DATABASE ${RELAXED} SET synchronous_commit = off`,
  ];
  const single = ["--single", "-D", data, "-c", "fsync=off", "postgres"];
  run(`${statements.join("\n")}\n`, needed("postgres"), ...single);
}

/** Points what holds an absolute path in it to this root: tablespaces, and borrowed objects. */
export function remap(place: Place): void {
  const links = join(dataOf(place, "postgres"), "data", "pg_tblspc");
  for (const name of existsSync(links) ? readdirSync(links) : []) {
    rmSync(join(links, name));
    symlinkSync(join(dataOf(place, "postgres"), "space"), join(links, name));
  }
  const git = join(dataOf(place, "hero_foundry"), "git");
  for (const context of existsSync(git) ? readdirSync(git) : []) {
    const objects = join(git, context, "work.git", "objects");
    const info = join(git, context, "fork.git", "objects", "info", "alternates");
    if (existsSync(info)) writeFileSync(info, `${objects}\n`);
  }
}
