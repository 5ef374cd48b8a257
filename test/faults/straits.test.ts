/**
 * Two clients, each in a network namespace of its own, back up to one bucket over ways that delay,
 * throttle and break; a third, in another, prunes and forgets; and one of the two is killed again
 * and again. What was acknowledged and nobody forgot comes back, on two real servers.
 *
 * `HOLDALL_SLOW=1` goes on for minutes.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { download } from "../support/bucket.ts";
import { lackingNets, type Nets, openNets } from "../support/netns.ts";
import { KEY as ACCESS, fresh, onServers, SECRET } from "../support/s3server.ts";
import { strait } from "../support/strait.ts";
import { temporary } from "../support/tree.ts";
import { witness } from "../support/witness.ts";
import { Crowd, KEY, PRUNE } from "./crowd.ts";

const SEED = Number(process.env.SEED ?? 11);
const LONG = process.env.HOLDALL_SLOW ? 240_000 : 3_000;
const WEATHER = { delay: 2, rate: 10e6, life: 8 << 20 };
/** Who shares a namespace: the client that lives, the one that is killed, and the third. */
const PLACES = [["a"], ["b"], ["p", "q", "forgetter"]];

const missing = lackingNets();

describe.skipIf(missing !== null)(`straits${missing ? ` (${missing})` : ""}`, () => {
  let nets: Nets;
  beforeAll(() => {
    nets = openNets(PLACES.length);
  });
  // Also when a test ran out of time.
  afterAll(() => nets?.[Symbol.dispose]());

  onServers((server) => {
    it("from namespaces over bad ways lose nothing", { timeout: LONG + 400_000 }, async () => {
      using place = temporary();
      const repository = fresh();
      const way = (at: number) =>
        strait(server().endpoint, { ...WEATHER, seed: SEED + at }, nets.all[at]?.address);
      using first = await way(0);
      using second = await way(1);
      using third = await way(2);
      const ways = [first, second, third];
      const known = { AWS_ACCESS_KEY_ID: ACCESS, AWS_SECRET_ACCESS_KEY: SECRET };
      const environments = [...ways, server()].map(({ endpoint }, at) => {
        const [config, cache] = ["config", "cache"].map((name) =>
          join(place.path, `${name}-${at}`),
        );
        const named = { repository, endpoint, plainHttp: true };
        writeFileSync(config ?? "", JSON.stringify({ repositories: { bucket: named } }));
        return { ...known, HOLDALL_CONFIG: config, HOLDALL_CACHE: cache };
      });
      const of = (who: string | null) => {
        const at = PLACES.findIndex((names) => names.includes(who ?? ""));
        return { by: nets.all[at]?.by ?? [], env: environments.at(at) ?? {} };
      };
      // Nobody comes to the server but by the strait of his own namespace.
      const port = new URL(server().endpoint).port;
      const direct = `/dev/tcp/${nets.all[0]?.address}/${port}`;
      const [ip = "", ...by] = nets.all[0]?.by ?? [];
      expect(spawnSync(ip, [...by, "bash", "-c", `: < ${direct}`]).status).not.toBe(0);

      const crowd = new Crowd(place.path, SEED, {
        ...{ repository: "bucket", writers: ["a", "b"], mortals: ["b"], way: of },
      });
      await crowd.work(LONG);
      const cuts = ways.map((one) => one.cuts());
      const { backups, prunes, forgotten, kills, refused } = crowd.counts;
      const seed = `seed ${SEED}: ${JSON.stringify({ ...crowd.counts, cuts })}`;
      expect(refused, seed).toEqual([]);
      const broken = cuts.reduce((n, one) => n + one, 0);
      for (const count of [backups, prunes, forgotten, kills, broken]) {
        expect(count, seed).toBeGreaterThan(0);
      }
      for (let i = 0; i < 2; i++) crowd.alone(PRUNE);
      expect(crowd.broken(), seed).toEqual([]);
      crowd.alone(["check", "--read"]);
      expect(await download(server().store(repository), join(place.path, "copy"))).toEqual([]);
      witness(join(place.path, "copy"), KEY);
      process.stdout.write(`${server().kind}, ${seed}\n`);
    });
  });
});
