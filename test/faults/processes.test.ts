/**
 * Real processes on one folder repository: four that back up, two that prune, one that forgets, in
 * loops, and one of them killed about every second. What was acknowledged and nobody forgot
 * restores identically, check finds nothing, and the space of what was forgotten comes back.
 *
 * All writers save from one pool of files, each another part of it each time: what one of them
 * forgets is what another is about to rely on. `HOLDALL_SLOW=1` goes on for minutes.
 */
import { expect, it } from "vitest";
import { temporary } from "../support/tree.ts";
import { witness } from "../support/witness.ts";
import { Crowd, KEY, PRUNE } from "./crowd.ts";

const SEED = Number(process.env.SEED ?? 5);
const LONG = process.env.HOLDALL_SLOW ? 240_000 : 10_000;
/** Decades, in seconds; a process of its own for each. */
const YEARS = 365 * 24 * 3600;

it.each([
  { name: "clocks that are right", shifts: [0] },
  { name: "clocks wrong by years", shifts: [-30 * YEARS, 0, 11 * YEARS, 40 * YEARS] },
])("processes killed every second, with $name", { timeout: LONG + 400_000 }, async ({ shifts }) => {
  using place = temporary();
  const crowd = new Crowd(place.path, SEED, { shifts });
  await crowd.work(LONG);
  const { backups, prunes, forgotten, kills, refused } = crowd.counts;
  const seed = `seed ${SEED}: ${JSON.stringify(crowd.counts)}`;
  expect(refused, seed).toEqual([]);
  for (const count of [backups, prunes, forgotten, kills]) expect(count, seed).toBeGreaterThan(0);
  // Nobody is left; whatever the killed left behind, newcomers need no help.
  for (let i = 0; i < 2; i++) crowd.alone(PRUNE);
  expect(crowd.broken(), seed).toEqual([]);
  crowd.alone(["check", "--read"]);
  const { stored, needed } = crowd.space();
  expect(stored, `${seed}, ${needed} needed`).toBeLessThan(needed * 1.1 + 100_000);
  witness(crowd.repository, KEY);
  process.stdout.write(`${seed}, ${stored} bytes stored, ${needed} needed\n`);
});
