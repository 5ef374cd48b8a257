/** A demo instance that comes back from a snapshot: its own configuration, and how it is judged. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Snapshot, unitsOf } from "../../src/index.ts";
import { native } from "../../src/seam/native.ts";
import { configure } from "./config.ts";
import type { Demo } from "./demo.ts";
import { momentsOf } from "./moments.ts";
import type { Moments } from "./oracle.ts";
import { type Place, socketsOf, user } from "./place.ts";
import { isGone, know } from "./processes.ts";
import { choose, folderOf, type Service } from "./services.ts";
import { serviceOf } from "./unit.ts";

/** Programs, configuration and descriptors for another root and user, and no state. */
export function prepare({ place, services }: Demo, root: string, as: string): Place {
  const other: Place = { ...place, root, user: place.user === null ? null : user(as) };
  mkdirSync(root, { recursive: true });
  configure(other, choose(services).services, true);
  writeFileSync(join(root, "cfg", "demo.json"), JSON.stringify(other), { mode: 0o600 });
  return other;
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

const SOCKETS: Readonly<Record<string, string>> = {
  hero_db: "hero_db.sock",
  redis: "redis.sock",
  postgres: ".s.PGSQL.5432",
};

/** Starts one service in the background, and waits until it has its socket. */
function branch(place: Place, service: Service, pids: string): string {
  // It binds a port on every interface.
  const alone = service.name === "hero_db" ? ["unshare", "-n"] : [];
  const words = [...alone, ...service.command(place)].map(quoted).join(" ");
  const socket = join(socketsOf(place, service.name), SOCKETS[service.name] ?? "rpc.sock");
  const run = `setsid sh -c 'echo $$ >"$0"; exec "$@"' ${quoted(join(pids, service.name))} ${words}`;
  return [
    `${service.name})`,
    `  cd ${quoted(folderOf(place, service))}`,
    `  ${run} >/dev/null 2>&1 </dev/null &`,
    `  for i in $(seq 400); do [ -S ${quoted(socket)} ] && exit 0; sleep 0.05; done; exit 1;;`,
  ].join("\n");
}

/**
 * A supervisor of the target: a program that starts a service by its name. `change` makes its
 * descriptors say something else. Whoever it has started ends with this.
 */
export function started(
  demo: Demo,
  place: Place,
  change: (descriptors: string) => string = (text) => text,
): AsyncDisposable {
  const pids = `${place.root}.pids`;
  mkdirSync(pids);
  const all = choose(undefined).services.filter(({ name }) => demo.services.includes(name));
  const branches = all.map((service) => branch(place, service, pids));
  const program = join(place.root, "bin", "start");
  writeFileSync(program, `#!/bin/sh\ncase "$1" in\n${branches.join("\n")}\nesac\n`);
  chmodSync(program, 0o755);
  const path = join(place.root, "holdall.toml");
  const text = readFileSync(path, "utf8");
  const asked = text.replace('"zinit"\n', '"zinit"\nstart = ["bin/start", "{service}"]\n');
  const other = change(asked);
  if (asked === text) throw new Error("the descriptors of the target name no supervisor");
  writeFileSync(path, other);
  return {
    async [Symbol.asyncDispose]() {
      for (const name of readdirSync(pids)) {
        const known = know(Number(readFileSync(join(pids, name), "utf8")));
        if (known === null) continue;
        process.kill(known.pid, name === "postgres" ? "SIGQUIT" : "SIGKILL");
        if (!(await isGone(known, 20))) throw new Error(`${name} does not end`);
      }
    },
  };
}

/** Times in snapshots are whole milliseconds. */
const COARSE = 1e6;

/** A snapshot's moments, on the clock that the journal has. */
export function momentsIn(snapshot: Snapshot): Moments {
  const [mono = 0, epoch = 0] = native.clocks();
  const at = (ms: number | null) => mono + ((ms ?? 0) - epoch) * 1e6;
  const units = unitsOf(snapshot).filter(({ consistency: [inside] }) => inside !== "native");
  const [writers, , , thaw] = units[0]?.cut ?? [null, null, null, null];
  const stops = units.map(({ id, cut: [, flushed, stood] }) => {
    const moments: [number, number] = [at(flushed) - COARSE, at(stood) + COARSE];
    return [serviceOf(id), moments] as const;
  });
  return momentsOf({
    all: at(writers) - COARSE,
    thaw: at(thaw) + COARSE,
    flushed: new Map(units.map(({ id, cut: [, flushed] }) => [id, at(flushed) - COARSE])),
    stopped: new Map(stops),
  });
}

/** The same of units that their engines copied, each at a moment of its own. */
export function copiesIn(snapshot: Snapshot): Moments {
  const [mono = 0, epoch = 0] = native.clocks();
  const at = (ms: number | null) => mono + ((ms ?? 0) - epoch) * 1e6;
  const copies = unitsOf(snapshot).filter(({ cut: [b, f] }) => b === null && f !== null);
  const last = Math.max(...copies.map(({ cut: [, , , done] }) => at(done))) + COARSE;
  const began = new Map(copies.map(({ id, cut: [, from] }) => [id, at(from) - COARSE]));
  return momentsOf({ all: last, thaw: last, flushed: began, stopped: new Map() });
}
