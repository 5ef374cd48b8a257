/**
 * A sync between buckets that is stopped at any request leaves whole snapshots, and the next one
 * goes on, on two real servers and our own fake.
 *
 * A sample of a seed (`SEED`) each time; every request with `HOLDALL_SLOW=1`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check } from "../../src/index.ts";
import { openWire, type Wire } from "../../src/store/s3/wire.ts";
import { type Far, onBuckets } from "../support/buckets.ts";
import { chance } from "../support/chance.ts";
import { meter } from "../support/meter.ts";
import { all } from "../support/outcome.ts";
import { type Kin, pair, scene } from "../support/pair.ts";
import { command, environment } from "../support/s3_command.ts";
import { differences, temporary } from "../support/tree.ts";

const SEED = Number(process.env.SEED ?? 8);
const SLOW = process.env.HOLDALL_SLOW === "1";
const SAMPLE = 3;

/**
 * The network of a process that dies at its Nth request, which the server gets or does not. Nothing
 * is sent after that.
 */
function mortal(at: number, after: boolean) {
  const [inner, abort] = [openWire(), new AbortController()];
  let calls = 0;
  const die = (): never => {
    abort.abort();
    throw abort.signal.reason as Error;
  };
  const wire: Wire = {
    async exchange(ask) {
      calls++;
      if (calls > at || (calls === at && !after)) return die();
      const answer = await inner.exchange(ask);
      return calls >= at ? die() : answer;
    },
    [Symbol.dispose]: () => inner[Symbol.dispose](),
  };
  return { wire, calls: () => calls, signal: abort.signal };
}

/** A sync from one bucket into another, stopped at one request after the other. */
async function stopEverywhere(far: Far, kin: Kin): Promise<number> {
  using place = temporary();
  const source = far.fresh();
  const s = await scene(place.path, kin, far.store(source));
  const where = (text: string) => `seed ${SEED}, ${far.kind}, ${kin}: ${text}`;
  /** One sync that lives for so many requests, at a new destination. */
  const trial = async (at: number, after: boolean) => {
    const address = far.fresh();
    await using store = far.store(address);
    for (const [name, bytes] of s.empty) await store.put(name, bytes);
    const { wire, calls, signal } = mortal(at, after);
    const runtime = { ...s.runtime, signal };
    const open = (place: string) => far.open(place, { wire, runtime });
    const ended = await s.run(open(address), open(source), runtime).then(
      ({ copied }) => copied.length,
      (error: { code?: string }) => error.code,
    );
    return { store, calls: calls(), ended };
  };
  const golden = await trial(Number.POSITIVE_INFINITY, false);
  expect(golden.ended).toBe(2);
  expect(golden.calls, where("all requests")).toBeGreaterThan(60);
  const { below } = chance(SEED);
  const every = Array.from({ length: 2 * golden.calls }, (_, i) => i + 2);
  const some = SLOW ? every : Array.from({ length: SAMPLE }, () => 2 + below(every.length));
  for (const one of some) {
    const at = one >> 1;
    const died = await trial(at, one % 2 === 1);
    const what = where(`request ${at} of ${golden.calls}${one % 2 === 1 ? ", answered" : ""}`);
    const left = await s.look(died.store);
    // Only what follows a claim's end may be cut off unnoticed: it was acknowledged before.
    if (died.ended !== "interrupted") expect([died.ended, left], what).toEqual([2, s.ids]);
    expect(s.ids.slice(0, left.length), what).toEqual(left);
    const before = (await all(died.store, "packs/")).length;
    const rest = await s.run(died.store);
    expect([rest.copied, rest.problems], what).toEqual([s.ids.slice(left.length), []]);
    expect(await s.look(died.store), what).toEqual(s.ids);
    // What an index run spoke of is not brought again; the rest is a pack or two.
    const packs = (await all(died.store, "packs/")).length;
    expect(packs - before, what).toBeLessThanOrEqual(4);
  }
  return some.length;
}

/** The command, killed again and again by its bytes, until it has copied everything. */
async function killed(far: Far): Promise<void> {
  using place = temporary();
  using way = await meter(far.endpoint);
  const { below, bytes } = chance(SEED);
  const [from, to] = [far.fresh(), far.fresh()];
  const p = await pair(place.path, far.store(from));
  mkdirSync(p.source);
  for (const name of ["one", "two"]) {
    writeFileSync(join(p.source, name), bytes(3 << 20));
    await p.save([p.source]);
  }
  const there = await p.make("replica", far.store(to));
  writeFileSync(join(place.path, "key"), p.secret.bytes.toString("hex"));
  const env = environment(place.path, from, way.endpoint, far.keys);
  let kills = 0;
  for (const most of [1 << 20, 3 << 20, 6 << 20]) {
    const { status, said } = await command(["sync", from, to], env, (child) => {
      way.after(1000 + below(most), () => child.kill("SIGKILL"));
    });
    if (status === null) kills++;
    else expect(status, said).toBe(0);
    // Readable at every moment, by who knows nothing of what happened.
    const left = await p.openOther("replica", there);
    expect((await check(p.runtime, left, { read: 1 })).problems).toEqual([]);
  }
  expect(kills, `seed ${SEED}`).toBeGreaterThan(0);
  const last = await command(["sync", from, to], env);
  expect(last.status, last.said).toBe(0);
  const after = await p.openOther("replica", there);
  const { snapshots } = await after.snapshots();
  const newest = snapshots[1];
  if (newest === undefined) throw new Error(`${snapshots.length} snapshots were copied`);
  const back = join(place.path, "back");
  expect((await p.back(after, newest, p.source, back)).troubles).toBe(0);
  expect(differences(p.source, back)).toEqual([]);
}

onBuckets((far) => {
  describe.each(["replica", "stranger"] as const)("a sync into a %s", (kin) => {
    it(
      "stopped at a request leaves whole snapshots, and is finished",
      async () => {
        expect(await stopEverywhere(far(), kin)).toBeGreaterThanOrEqual(SAMPLE);
      },
      SLOW ? 1_800_000 : 120_000,
    );
  });

  it("killed as a process leaves a readable destination, and comes to its end", async () => {
    await killed(far());
  }, 120_000);
});
