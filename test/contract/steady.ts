/**
 * What one more sync of one new snapshot asks of both sides: the same however many came before. The
 * figures are those of README.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { backup, openRepository, type Store, sync, Traffic } from "../../src/index.ts";
import { type Kin, pair, writeFiles } from "../support/pair.ts";
import { temporary } from "../support/tree.ts";

/** Milliseconds after which a file is not of the tick in which it is saved, and so not doubted. */
export const TICK = 20;

/** What was asked for since the last look. */
export function watch(traffic: Traffic) {
  let before = { ...traffic.requests };
  return () => {
    const now = { ...traffic.requests };
    const since = (kind: "put" | "get" | "list") => now[kind] - before[kind];
    const found = { puts: since("put"), gets: since("get"), lists: since("list") };
    before = now;
    return found;
  };
}

/** A source in a bucket and a destination in another, each with a local cache. */
async function buckets(folder: string, kin: Kin, make: Counted) {
  const [here, there] = [new Traffic(), new Traffic()];
  const [source, target] = [make(here), make(there)];
  const p = await pair(folder, source);
  await p.make(kin, target);
  const [caches, away] = [join(folder, "cache"), join(folder, "cache-there")];
  const from = () => openRepository(source, p.secret, p.runtime, { cache: caches });
  const to = () => openRepository(target, p.secretOf(kin), p.runtime, { cache: away });
  return {
    ...p,
    here: watch(here),
    there: watch(there),
    async save() {
      const options = { host: "h", workers: 1, tool: "test", paths: [Buffer.from(p.source)] };
      return backup(p.runtime, await from(), options);
    },
    async sync() {
      return sync(p.runtime, await from(), await to(), { host: "h", workers: 1 });
    },
  };
}

/** What a cache has is not read; into a stranger the second time all of it is one pack. */
const STEADY = {
  replica: { at: 1, from: { puts: 0, gets: 3, lists: 9 }, to: { puts: 6, gets: 1, lists: 17 } },
  stranger: { at: 2, from: { puts: 0, gets: 2, lists: 8 }, to: { puts: 6, gets: 1, lists: 16 } },
} as const;

/** A new store, whose requests are counted. */
export type Counted = (traffic: Traffic) => Store;

/** `far`: its requests are counted, not calls of the store. */
export function steadyContract(name: string, make: Counted, times = 40, far = false): void {
  describe.each(["replica", "stranger"] as const)(`syncing into a %s again: ${name}`, (kin) => {
    it("costs the fortieth time what it did the second", async () => {
      using place = temporary();
      const b = await buckets(place.path, kin, make);
      writeFiles(b.source, 1);
      const costs: Record<"from" | "to", { gets: number }>[] = [];
      for (let i = 1; i <= times; i++) {
        writeFileSync(join(b.source, "changing"), `${i}`.repeat(5000));
        await sleep(TICK);
        await b.save();
        b.here();
        b.there();
        const { copied, problems } = await b.sync();
        expect([copied.length, problems]).toEqual([1, []]);
        costs.push({ from: b.here(), to: b.there() });
      }
      const { at, ...figures } = STEADY[kin];
      const second = costs[at];
      expect(costs.slice(at)).toEqual(costs.slice(at).map(() => second));
      if (!far) return expect(second).toEqual(figures);
      // Reads of neighbours are one request, and what lies across a span's end is two.
      const [reads, most] = [second?.from.gets, second?.to.gets] as [number, number];
      const { from, to } = figures;
      expect(second).toMatchObject({ from: { ...from, gets: reads }, to: { ...to, gets: most } });
      expect(reads + most).toBeLessThanOrEqual(from.gets + to.gets);
    }, 240_000);
  });
}
