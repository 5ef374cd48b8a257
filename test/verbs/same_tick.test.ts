/** Edits that keep size and mtime, in the same tick of the clock as a backup: none is missed. */
import { closeSync, futimesSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { fileSystem } from "../support/mounts.ts";
import { BUCKET, newStore } from "../support/where.ts";

const SLOW = process.env.SLOW === "1";
const ROUNDS = SLOW ? 1000 : BUCKET === null ? 40 : 6;
const FILES = 12;
const SEED = Number(process.env.SEED ?? 3);

/** A small generator, so that a failing run can be repeated. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Writes over a file's start; the size stays, and the time is put back. */
function edit(file: string, text: string): void {
  const fd = openSync(file, "r+");
  writeSync(fd, text, 0);
  futimesSync(fd, 1_700_000_000, 1_700_000_000);
  closeSync(fd);
}

describe.each(["tmpfs", "ext4"] as const)("edits in the tick of a backup on %s", (kind) => {
  it(`are all in the next one (${ROUNDS} rounds, seed ${SEED})`, {
    timeout: SLOW ? 1_800_000 : 120_000,
  }, async ({ skip }) => {
    const opened = fileSystem(kind);
    using place = typeof opened === "string" ? skip(opened) : opened;
    const [source, out] = [join(place.path, "source"), join(place.path, "out")];
    mkdirSync(source);
    const files = Array.from({ length: FILES }, (_, i) => join(source, `f${i}`));
    for (const file of files) closeSync(openSync(file, "w"));
    const { save, bring } = await fixture(place.path, newStore(), false);
    const next = generator(SEED);
    const word = (round: number, i: number) => `${round} ${i}`.padEnd(64);
    const held = files.map((_, i) => word(-1, i));
    for (const [i, file] of files.entries()) edit(file, held[i] ?? "");
    let during = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const change = (when: number) => {
        for (let n = next(4); n > 0; n--) {
          const i = next(FILES);
          held[i] = word(round * 10 + when, i);
          edit(files[i] ?? "", held[i] ?? "");
        }
      };
      change(0);
      const saving = save([source]);
      // Some while it runs: those must be in the backup after it.
      for (let wait = next(6); wait > 0; wait--) await new Promise((turn) => setImmediate(turn));
      if (next(2) === 0) {
        change(1);
        during++;
      }
      await saving;
      change(2);
      const { snapshot } = await save([source]);
      await bring(snapshot, source, out);
      const found = files.map((_, i) => readFileSync(join(out, `f${i}`), "utf8"));
      expect(found, `round ${round}`).toEqual(held);
    }
    expect(during).toBeGreaterThan(0);
  });
});
