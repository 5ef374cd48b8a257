/** The services of the demo instance: what they need, how each is started, after whom it comes. */
import { join } from "node:path";
import { has, INSTALL, needed, type Part } from "./parts.ts";
import { as, dataOf, type Place, PROJECT, secret, socketsOf } from "./place.ts";

export interface Service {
  readonly name: string;
  readonly needs: readonly Part[];
  /** Who must run before; a service stops before those. */
  readonly after: readonly string[];
  readonly stopSignal: "SIGTERM" | "SIGINT";
  /** Runs only while it has orders, and answers nobody. */
  readonly driver: boolean;
  command(place: Place): string[];
}

/** A daemon of ours: a program in `bin/` with its name. */
function daemon(name: string, after: string[] = [], ...needs: Part[]): Service {
  return {
    name,
    needs: ["python3", ...needs],
    after,
    stopSignal: "SIGTERM",
    driver: false,
    command: (place) => [...as(place), join(place.root, "bin", name)],
  };
}

const hero_db: Service = {
  name: "hero_db",
  needs: ["hero_redis", "unshare"],
  after: [],
  // It does not know SIGTERM, and loses what it has acknowledged.
  stopSignal: "SIGINT",
  driver: false,
  // It binds a port on every interface: the instance has a network of its own, which leads nowhere.
  command: (place) => [
    ...as(place),
    join(place.root, "bin", "hero_redis"),
    ...["--data-dir", dataOf(place, "hero_db"), "--socket", "hero_db.sock", "--port", "6666"],
    ...["--encryption-key", secret(place, "hero_db key")],
    ...["--admin-secret", secret(place, "hero_db admin")],
  ],
};

const redis: Service = {
  name: "redis",
  needs: ["redis-server"],
  after: [],
  stopSignal: "SIGTERM",
  driver: false,
  command: (place) => [
    ...as(place),
    needed("redis-server"),
    join(place.root, "cfg", "redis", "redis.conf"),
  ],
};

const postgres: Service = {
  name: "postgres",
  needs: ["postgres"],
  after: [],
  // Its fast shutdown; SIGTERM waits for every client to go.
  stopSignal: "SIGINT",
  driver: false,
  command: (place) => [
    ...as(place),
    needed("postgres"),
    ...["-D", join(dataOf(place, "postgres"), "data")],
    ...["-c", `config_file=${join(place.root, "cfg", "postgres", "postgresql.conf")}`],
    ...["-c", `hba_file=${join(place.root, "cfg", "postgres", "pg_hba.conf")}`],
  ],
};

const ENGINES = [
  hero_db,
  redis,
  postgres,
  daemon("hero_osis"),
  daemon("hero_secrets"),
  daemon("hero_ledger", [], "python3-lmdb"),
  daemon("hero_foundry", [], "git"),
  daemon("hero_embedder"),
  daemon("hero_collab", ["hero_secrets"]),
  daemon("hero_books", ["hero_embedder"]),
];

/** The drivers inside the set, a client of everything else. */
function agent(names: string[]): Service {
  return {
    name: "hero_agent",
    needs: [],
    after: names,
    stopSignal: "SIGTERM",
    driver: true,
    command: (place) => [
      process.execPath,
      join(PROJECT, ".build", "test", "demo", "driver.js"),
      join(place.root, "cfg", "hero_agent", "orders.json"),
    ],
  };
}

export interface Chosen {
  readonly services: Service[];
  /** What is left out, by name, with the line that installs what is missing. */
  readonly absent: string[];
}

/** Services that can run here; `only` narrows them. Order: nobody before those it needs. */
export function choose(only?: readonly string[]): Chosen {
  const wanted = ENGINES.filter(({ name }) => only === undefined || only.includes(name));
  const lacks = (service: Service) => service.needs.filter((part) => !has(part));
  const there = wanted.filter((service) => lacks(service).length === 0);
  const names = there.map(({ name }) => name);
  const services = there.map((s) => ({ ...s, after: s.after.filter((n) => names.includes(n)) }));
  const absent = wanted.flatMap((service) =>
    lacks(service).map(
      (part) => `${service.name} is left out: ${part} is missing; ${INSTALL[part]}`,
    ),
  );
  return { services: [...services, agent(names)], absent };
}

/** Where a service's processes stand while they run; short names of sockets begin here. */
export const folderOf = (place: Place, { name }: Service): string => socketsOf(place, name);
