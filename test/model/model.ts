/**
 * `npm run model`: explores every scene, small and large, prints what was exhausted, and walks at
 * random through scenes that are too large for that.
 *
 * `--without GUARD` leaves one guard out and tells the shortest way to the harm; `--guards` lists
 * them; `--scene TEXT` runs scenes whose name has the text, or a vast one of just that name;
 * `--limit STATES` stops a scene there; `--walks N` and `--seed N` say how many walks there are and
 * with which seed they begin.
 * Exits 1 when the protocol fails, or a missing guard does no harm.
 */
import { parseArgs } from "node:util";
import { GUARDS } from "./guards.ts";
import { line, lineOfWalks, run, runWalks, runWithout, story } from "./report.ts";
import { LARGE, SMALL, VAST, WIDE } from "./scenes.ts";

const { values } = parseArgs({
  options: {
    without: { type: "string" },
    guards: { type: "boolean" },
    scene: { type: "string" },
    limit: { type: "string" },
    walks: { type: "string" },
    seed: { type: "string" },
  },
});

function without(name: string): boolean {
  const guard = GUARDS.find((g) => g.guard === name);
  if (guard === undefined) {
    console.error(`no guard is called ${name}; see --guards`);
    return false;
  }
  const result = runWithout(guard);
  console.log(line(`without ${name}`, result));
  console.log(story(result));
  return result.violation !== null;
}

function scenes(text: string, limit: number): boolean {
  let fine = true;
  const chosen = Object.entries({ ...SMALL, ...LARGE }).filter(([name]) => name.includes(text));
  const vast = Object.entries(VAST).filter(([name]) => name === text);
  for (const [name, scene] of vast.length > 0 ? vast : chosen) {
    const progress = (states: number, depth: number, waiting: number) =>
      console.error(`  ${name}: ${states} states, depth ${depth}, ${waiting} waiting`);
    const liveness = name in SMALL;
    const result = run(scene, { limit, progress, liveness });
    console.log(line(name, result));
    fine &&= result.violation === null && result.exhausted;
  }
  return fine;
}

function walks(text: string, first: number, count: number): boolean {
  let fine = true;
  for (const [name, scene] of Object.entries(WIDE)) {
    if (!name.includes(text)) continue;
    const result = runWalks(scene, first, count);
    console.log(lineOfWalks(name, result));
    if (result.broken !== null) console.log(story(result.broken));
    fine &&= result.broken === null;
  }
  return fine;
}

if (values.guards) {
  for (const { guard, breaks, says } of GUARDS) console.log(`${guard} (${breaks}): ${says}`);
} else if (values.without !== undefined) {
  process.exitCode = without(values.without) ? 0 : 1;
} else {
  const { scene = "", limit = 2e8, walks: count = 2e4, seed = 0 } = values;
  const [known, wide] = [scenes(scene, Number(limit)), walks(scene, Number(seed), Number(count))];
  process.exitCode = known && wide ? 0 : 1;
}
