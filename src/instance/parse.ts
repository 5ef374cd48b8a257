/**
 * Reads descriptors: `[[state]]` in a service's own `service.toml`, or everything in the
 * `holdall.toml` of the instance; one schema. What is wrong fails with `descriptor`, one line that
 * begins with file and line.
 *
 * Only the operator's `holdall.toml` may name what lies outside the root.
 */
import { CLASSES, ENGINES } from "../base/state.ts";
import {
  CRASH_SAFE,
  type Processes,
  SEPARATIONS,
  type Service,
  type StateUnit,
  type Supervisor,
} from "./descriptor.ts";
import { askOf, captureOf, drainOf, flushOf, hookOf, schemaOf, stopOf } from "./steps.ts";
import { readToml, Table } from "./toml.ts";
import { portsOf, verifyOf } from "./verify.ts";

/** What one file declares. */
export interface Descriptor {
  /** Of the instance; empty where the file does not say. */
  readonly name: string;
  readonly supervisor: Supervisor | null;
  readonly services: readonly Service[];
  /** Those among them that are to have the units of their built-in descriptor, too. */
  readonly builtIn: readonly string[];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

function named(table: Table, field: string): string {
  const name = table.needed(field);
  if (NAME.test(name)) return name;
  throw table.fault(field, `${field} ${JSON.stringify(name)} must be letters, digits, . _ or -`);
}

/** Whether a text can be the name of a context: one name, and no way out of its folder. */
export function isContextName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
}

/** Refuses globs that lead out of the root, or nowhere. */
function globs(table: Table, field: string, outside: boolean): string[] {
  const list = table.texts(field) ?? [];
  for (const glob of list) {
    const wrong = (why: string) => table.fault(field, `path ${JSON.stringify(glob)} ${why}`);
    if (glob === "" || glob.includes("\0")) throw wrong("is empty");
    if (glob.split("/").includes("..")) throw wrong("has .. in it");
    if (glob.startsWith("/") && !outside) {
      throw wrong("lies outside the instance: only its holdall.toml may declare that");
    }
    if (/\{(?!context\})|(?<!\{context)\}/.test(glob)) throw wrong("has braces beside {context}");
    if (glob.split("{context}").length > 2) throw wrong("has {context} twice");
  }
  return list.map((glob) => (glob === "/" ? glob : glob.replace(/\/+$/, "")));
}

function contextNames(table: Table): Record<string, string> {
  const inner = table.table("context-names");
  const names = inner?.entries() ?? [];
  for (const [found, name] of names) {
    if (isContextName(found) && isContextName(name)) continue;
    throw table.fault("context-names", `${JSON.stringify(name)} is no name of a context`);
  }
  return Object.fromEntries(names);
}

function unitOf(table: Table, service: string, outside: boolean): StateUnit {
  const id = named(table, "id");
  const paths = globs(table, "paths", outside);
  if (paths.length === 0) throw table.fault("paths", `unit ${service}/${id} has no paths`);
  const unit = {
    id,
    service,
    declared: { file: table.file, line: table.line },
    paths,
    except: globs(table, "except", outside),
    engine: table.word("engine", ENGINES) ?? "files",
    class: table.word("class", CLASSES) ?? "authoritative",
    separation: table.word("separation", SEPARATIONS) ?? separationOf(paths),
    contextNames: contextNames(table),
    optional: table.flag("optional"),
    cutWith: (table.texts("cut-with") ?? []).map((u) => (u.includes("/") ? u : `${service}/${u}`)),
    schema: schemaOf(table),
    rebuild: hookOf(table, "rebuild"),
    crashSafe: table.word("crash-safe", CRASH_SAFE) ?? null,
    flush: flushOf(table),
    drain: drainOf(table),
    capture: captureOf(table),
    verify: verifyOf(table, service),
    count: askOf(table, "count"),
    digest: askOf(table, "digest"),
    note: table.text("note", ""),
  };
  table.done();
  return unit;
}

const separationOf = (paths: readonly string[]) =>
  paths.every((path) => path.includes("{context}")) ? "path" : "none";

function processes(table: Table): Processes {
  return {
    supervised: table.text("supervised") ?? null,
    pidFile: table.text("pid-file") ?? null,
    socket: table.text("socket") ?? null,
    cgroup: table.text("cgroup") ?? null,
    executable: table.text("executable") ?? null,
  };
}

/** What is said of a service besides its units. */
function serviceOf(name: string, table: Table, units: StateUnit[]): Service {
  const service: Service = {
    name,
    declared: { file: table.file, line: table.line },
    origin: "declared",
    dependsOn: table.texts("depends-on") ?? [],
    processes: processes(table),
    ports: portsOf(table),
    stop: stopOf(table),
    start: hookOf(table, "start"),
    health: hookOf(table, "health"),
    units,
  };
  table.done();
  return service;
}

/**
 * A service's own `service.toml`: `[[state]]` for its units, `[holdall]` for the rest. The name is
 * the top one, or that of `[service]`. Other tables are its own. Null without `[[state]]`.
 */
export function parseService(file: string, text: string): Service | null {
  const root = readToml(file, text);
  if (!root.has("state")) return null;
  const name = named(root.has("name") ? root : root.inner("service", 1), "name");
  const units = root.tables("state").map((table) => unitOf(table, name, false));
  return serviceOf(name, root.inner("holdall", 1), units);
}

/** The `holdall.toml` of an instance: `name`, `[supervisor]`, `[[service]]` and `[[state]]`. */
export function parseInstance(file: string, text: string): Descriptor {
  const root = readToml(file, text);
  const units = root.tables("state").map((table) => unitOf(table, named(table, "service"), true));
  const tables = root.tables("service").map((table) => ({ table, name: named(table, "name") }));
  const silent = units
    .filter((unit, at) => units.findIndex((u) => u.service === unit.service) === at)
    .filter((unit) => !tables.some(({ name }) => name === unit.service))
    .map(({ service, declared }) => ({
      table: new Table(file, declared.line, "service"),
      name: service,
    }));
  const builtIn = tables.filter(({ table }) => table.flag("built-in")).map(({ name }) => name);
  const services = [...tables, ...silent].map(({ table, name }) =>
    serviceOf(
      name,
      table,
      units.filter((unit) => unit.service === name),
    ),
  );
  const name = root.has("name") ? named(root, "name") : "";
  const supervisor = supervisorOf(root);
  root.done();
  return { name, supervisor, services, builtIn };
}

function supervisorOf(root: Table): Supervisor | null {
  const table = root.table("supervisor");
  if (table === undefined) return null;
  const protocol = table.word("protocol", ["zinit", "systemd"]);
  if (protocol === undefined) throw table.fault("protocol", "supervisor lacks protocol");
  const supervisor = {
    protocol,
    socket: protocol === "systemd" ? table.text("socket", "") : table.needed("socket"),
    start: hookOf(table, "start"),
    declared: { file: table.file, line: table.line },
  };
  table.done();
  return supervisor;
}
