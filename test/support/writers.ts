/** Data of two services, one of which needs the other: who writes it, and a barrier over both. */
import { mkdirSync } from "node:fs";
import * as real from "./processes.ts";
import type { Order } from "./stand.ts";

/** Starts them; `at` gives places in a folder of the caller's. */
export async function twoWriters(
  at: (name: string) => string,
): Promise<{ app: real.Running; db: real.Running; order: Order }> {
  for (const name of ["data/app", "data/db"]) mkdirSync(at(name), { recursive: true });
  const app = await real.writer(at("data/app"), 3);
  const db = await real.writer(at("data/db"), 2);
  const order: Order = {
    stateFolder: at("state"),
    source: at("data"),
    services: [
      { service: "app", pids: [app.pid], dependsOn: ["db"] },
      { service: "db", pids: [db.pid], dependsOn: [] },
    ],
    undone: at("undone"),
    freezer: "live",
    maxPause: 5000,
    kill: null,
    at: "",
  };
  return { app, db, order };
}
