/**
 * Reads what an instance says of itself: its `holdall.toml`, each service's `service.toml`, and
 * for services that are there but silent the descriptors that are built in.
 *
 * Own descriptors win over built-in ones. A folder that no descriptor speaks of and that holds no
 * known service is one unit of files.
 */
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { Failure, toFailure } from "../base/failure.ts";
import { unitId } from "../base/state.ts";
import { builtIn } from "./built_in.ts";
import type { Instance, Service, StateUnit } from "./descriptor.ts";
import { type Descriptor, parseInstance, parseService } from "./parse.ts";
import { fault } from "./toml.ts";

/** Where the descriptor of an instance may lie. */
export const OWN = ["holdall.toml", "cfg/holdall.toml"];

/** What tells that a service of a built-in descriptor is here. */
const SIGNS = ["var/NAME", "var/sockets/NAME", "cfg/NAME", "cfg/NAME.toml", "bin/NAME"];

async function text(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const failure = toFailure(error);
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw failure;
  }
}

async function rootOf(path: string): Promise<string> {
  const root = await realpath(path).catch((error: unknown) => {
    throw toFailure(error);
  });
  if (!(await stat(root)).isDirectory()) throw new Failure("invalid", `${path} is no folder`);
  if (root.includes("\ufffd")) {
    throw new Failure("invalid", `${path}: the path of an instance must be UTF-8`);
  }
  return root;
}

async function ownOf(root: string): Promise<Descriptor> {
  const found: Descriptor[] = [];
  for (const name of OWN) {
    const said = await text(join(root, name));
    if (said === null) continue;
    if (found.length > 0) throw fault(name, 1, `there is ${OWN[0]}, too: keep one of them`);
    found.push(parseInstance(name, said));
  }
  return found[0] ?? { name: "", supervisor: null, services: [], builtIn: [] };
}

/** `cfg/NAME/service.toml` and `cfg/NAME.service.toml`. */
async function servicesOf(root: string): Promise<Service[]> {
  const found: Service[] = [];
  const names = await readdir(join(root, "cfg")).catch(() => [] as string[]);
  for (const name of names.sort()) {
    const place = name.endsWith(".service.toml") ? name : join(name, "service.toml");
    const path = join(root, "cfg", place);
    const said = await text(path).catch((error: unknown) => {
      if (toFailure(error).message.includes("not a directory")) return null;
      throw error;
    });
    const service = said === null ? null : parseService(relative(root, path), said);
    if (service !== null) found.push(service);
  }
  return found;
}

async function isHere(root: string, name: string): Promise<boolean> {
  for (const sign of SIGNS) {
    if ((await stat(join(root, sign.replace("NAME", name))).catch(() => null)) !== null)
      return true;
  }
  return false;
}

/** What is built in, with what the instance says of the same service in front of it. */
function merged(own: Service, builtIn: Service): Service {
  const { units: more, ...rest } = own;
  const said = Object.entries(rest).filter(
    ([key, value]) =>
      value !== null && (!["dependsOn", "ports"].includes(key) || (value as string[]).length > 0),
  );
  return { ...builtIn, ...Object.fromEntries(said), units: [...builtIn.units, ...more] };
}

const ANY: Omit<StateUnit, "declared"> = {
  id: "all",
  service: "files",
  paths: ["**"],
  except: [],
  engine: "files",
  class: "authoritative",
  separation: "none",
  contextNames: {},
  optional: true,
  cutWith: [],
  schema: null,
  rebuild: null,
  crashSafe: null,
  flush: null,
  drain: null,
  capture: null,
  verify: null,
  count: null,
  digest: null,
  note: "a folder of which nothing is declared",
};

/** Any folder, as a service of one unit. */
function anyFolder(): Service {
  const declared = { file: "built-in", line: 0 };
  return {
    name: "files",
    declared,
    origin: "verified",
    dependsOn: [],
    processes: { supervised: null, pidFile: null, socket: null, cgroup: null, executable: null },
    ports: [],
    stop: null,
    start: null,
    health: null,
    units: [{ ...ANY, declared }],
  };
}

/** Whether anything says what its services are; else it is a folder like any other. */
export const isDescribed = ({ services }: Instance): boolean =>
  services.every(({ units }) => units.every(({ paths }) => paths !== ANY.paths));

const at = (what: { declared: { file: string; line: number } }, message: string) =>
  fault(what.declared.file, what.declared.line, message);

/** Refuses what no single file can show to be wrong. */
export function validate({ services }: Instance): void {
  const names = new Set<string>();
  for (const service of services) {
    if (names.has(service.name)) throw at(service, `service ${service.name} is declared twice`);
    names.add(service.name);
  }
  const units = services.flatMap((service) => service.units);
  const ids = new Set<string>();
  for (const unit of units) {
    const id = unitId(unit);
    if (ids.has(id)) throw at(unit, `unit ${id} is declared twice`);
    ids.add(id);
  }
  for (const unit of units) {
    const lost = unit.cutWith.find((id) => !ids.has(id));
    if (lost) throw at(unit, `unit ${unitId(unit)}: cut-with names no unit: ${lost}`);
    const other = unit.verify?.with ?? null;
    if (other !== null && !units.some((u) => unitId(u) === other && u.verify?.with === null)) {
      throw at(unit, `unit ${unitId(unit)}: verify.with names no unit that is verified: ${other}`);
    }
  }
  for (const service of services) {
    const lost = service.dependsOn.find((name) => !names.has(name));
    if (lost)
      throw at(service, `service ${service.name} depends on ${lost}, which is not declared`);
    circle(service, service, services, [service.name]);
  }
}

function circle(
  first: Service,
  service: Service,
  services: readonly Service[],
  way: readonly string[],
): void {
  for (const name of service.dependsOn) {
    if (name === first.name) throw at(first, `services depend on each other: ${way.join(" ")}`);
    const next = services.find((s) => s.name === name);
    if (next !== undefined && !way.includes(name)) circle(first, next, services, [...way, name]);
  }
}

/**
 * The instance below a folder, by its own and by built-in descriptors.
 *
 * Fails with `descriptor`, one line with file and line, and with the codes of the file system.
 */
export async function loadInstance(path: string): Promise<Instance> {
  const root = await rootOf(path);
  const own = await ownOf(root);
  const services: Service[] = [];
  for (const service of [...own.services, ...(await servicesOf(root))]) {
    if (!own.builtIn.includes(service.name)) {
      services.push(service);
      continue;
    }
    const known = builtIn().find(({ name }) => name === service.name);
    if (known === undefined) throw at(service, `no descriptor of ${service.name} is built in`);
    services.push(merged(service, known));
  }
  for (const service of builtIn()) {
    if (services.some(({ name }) => name === service.name)) continue;
    if (await isHere(root, service.name)) services.push(service);
  }
  const known = services.map(({ name }) => name);
  // What a built-in descriptor depends on need not be there.
  const here = services.map((service) =>
    service.origin === "declared"
      ? service
      : { ...service, dependsOn: service.dependsOn.filter((name) => known.includes(name)) },
  );
  const instance = {
    name: own.name === "" ? basename(root) || "root" : own.name,
    root,
    supervisor: own.supervisor,
    services: here.length > 0 ? here : [anyFolder()],
  };
  validate(instance);
  return instance;
}
