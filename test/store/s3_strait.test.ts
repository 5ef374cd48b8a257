/**
 * Two clients back up to one bucket over ways that delay, throttle and break, while a third
 * forgets and prunes: all that was acknowledged and not forgotten comes back, on two real servers.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  backup,
  check,
  forget,
  hex,
  openRepository,
  prune,
  type Snapshot,
} from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { noise } from "../support/noise.ts";
import { fresh, onServers } from "../support/s3server.ts";
import { strait } from "../support/strait.ts";
import { differences, temporary } from "../support/tree.ts";

const ROUNDS = process.env.HOLDALL_SLOW ? 30 : 5;

/** A snapshot that was acknowledged, and a copy of what it was taken of. */
interface Kept {
  readonly snapshot: Snapshot;
  readonly source: string;
  readonly copy: string;
}

onServers((server) => {
  it("loses nothing over bad ways, while a third prunes", async () => {
    using place = temporary();
    const seed = Number(process.env.SEED ?? 7);
    const address = fresh();
    const own = await fixture(place.path, server().store(address));
    const kept: Kept[] = [];
    let [working, cuts, pruned] = [2, 0, 0];

    const client = async (who: number) => {
      const weather = { seed: seed + who, delay: 2, rate: 20e6, life: 1 << 20 };
      using way = await strait(server().endpoint, weather);
      const store = server().store(address, { s3: { endpoint: way.endpoint } });
      const source = join(place.path, `source-${who}`);
      mkdirSync(source);
      for (let round = 0; round < ROUNDS; round++) {
        for (const part of [0, 1]) {
          const bytes = noise(seed + who * 1000 + round * 2 + part, 200_000);
          writeFileSync(join(source, `${(round + part) % 3}`), bytes);
        }
        const repository = await openRepository(store, own.secret, own.runtime);
        const { snapshot } = await backup(own.runtime, repository, {
          paths: [Buffer.from(source)],
          host: `client-${who}`,
          workers: 1,
          tool: "test",
        });
        const copy = join(place.path, `copy-${who}-${round}`);
        execFileSync("cp", ["-a", source, copy]);
        kept.push({ snapshot, source, copy });
      }
      cuts += way.cuts();
    };
    const third = async () => {
      while (working > 0) {
        const oldest = kept.length > 3 ? kept.shift() : undefined;
        if (oldest !== undefined) {
          await forget(own.runtime, await own.open(), { snapshots: [hex(oldest.snapshot.id)] });
        }
        pruned += (await prune(own.runtime, await own.open(), { wait: 0 })).snapshots;
      }
    };
    await Promise.all([third(), ...[0, 1].map((who) => client(who).finally(() => working--))]);

    const why = `seed ${seed}`;
    expect(cuts, why).toBeGreaterThan(ROUNDS);
    expect(kept.length, why).toBeGreaterThanOrEqual(3);
    expect((await check(own.runtime, await own.open(), { read: 1 })).problems, why).toEqual([]);
    for (const { snapshot, source, copy } of kept) {
      const back = `${copy}-back`;
      mkdirSync(back);
      expect((await own.bring(snapshot, source, back)).troubles, why).toBe(0);
      expect(differences(copy, back), why).toEqual([]);
    }
    expect(pruned, why).toBeGreaterThan(0);
  }, 300_000);
});
