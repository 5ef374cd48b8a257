/** A demo instance that comes back from a snapshot: its own configuration, and how it is judged. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Snapshot, unitsOf } from "../../src/index.ts";
import { native } from "../../src/seam/native.ts";
import { configure } from "./config.ts";
import type { Demo } from "./demo.ts";
import { momentsOf } from "./moments.ts";
import type { Moments } from "./oracle.ts";
import { type Place, user } from "./place.ts";
import { choose } from "./services.ts";
import { serviceOf } from "./unit.ts";

/** Programs, configuration and descriptors for another root and user, and no state. */
export function prepare({ place, services }: Demo, root: string, as: string): Place {
  const other: Place = { ...place, root, user: place.user === null ? null : user(as) };
  mkdirSync(root, { recursive: true });
  configure(other, choose(services).services, true);
  writeFileSync(join(root, "cfg", "demo.json"), JSON.stringify(other), { mode: 0o600 });
  return other;
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
