/** The drivers of an instance: some are a service of it, the others a process outside. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Chain } from "./chain.ts";
import type { Orders } from "./drive.ts";
import { type Place, PROJECT } from "./place.ts";
import { type Supervisor, until } from "./supervisor.ts";
import { chains } from "./units.ts";

export interface Drivers {
  /** Resolves when every chain has begun; another journal than the demo's own can be given. */
  start(journal?: string): Promise<void>;
  /** Resolves when what was sent is acknowledged and the journal is whole. */
  stop(): Promise<void>;
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => child.once("exit", () => done()));
}

export function drivers(
  place: Place,
  own: string,
  names: readonly string[],
  supervisor: Supervisor,
  pace: number,
): Drivers {
  let outside: ChildProcess | null = null;
  const inner = join(place.root, "cfg", "hero_agent", "orders.json");
  const outer = `${own}.json`;
  const order = (path: string, journal: string, driven: Chain[]) => {
    const orders: Orders = { place, journal, chains: driven, pace };
    writeFileSync(path, JSON.stringify(orders), { mode: 0o600 });
  };
  return {
    async start(journal = own) {
      mkdirSync(journal, { recursive: true });
      const [inside, beyond] = [chains(true, names), chains(false, names)];
      const expected = readdirSync(journal).length + inside.length + beyond.length;
      order(inner, journal, inside);
      order(outer, journal, beyond);
      await supervisor.start("hero_agent");
      const program = join(PROJECT, ".build", "test", "demo", "driver.js");
      outside = spawn(process.execPath, [program, outer], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      await until("some chain did not begin", 20, async () =>
        readdirSync(journal).length >= expected ? true : null,
      );
    },
    async stop() {
      outside?.kill("SIGTERM");
      rmSync(inner, { force: true });
      await supervisor.stop("hero_agent");
      if (outside !== null) await ended(outside);
      outside = null;
    },
  };
}
