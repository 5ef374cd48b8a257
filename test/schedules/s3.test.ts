/**
 * The schedules of `schedules.test.ts` in a bucket: the seed decides whose call comes next, each
 * call goes to the server, and each answer has to be what the protocol was proved with. On two real
 * servers and our own fake.
 *
 * `HOLDALL_SLOW=1` runs more of them.
 */
import { expect, it } from "vitest";
import { onBuckets } from "../support/buckets.ts";
import { schedules } from "./launch.ts";

const FIRST = Number(process.env.SEED ?? 1);
const COUNT = process.env.HOLDALL_SLOW === "1" ? 400 : 4;
/** What the first of them made of each seed: the others make the same of it. */
let before: readonly string[] | undefined;
/** A seed by which memory shows that a guard is missing; looked for once. */
let shown: Promise<number> | undefined;
const show = async () => (await schedules(FIRST, 200, "condemned")).bad[0]?.seed ?? 0;

onBuckets((far) => {
  it(`${COUNT} schedules lose nothing in a bucket`, {
    timeout: 60_000 + COUNT * 5000,
  }, async () => {
    const { endpoint, keys } = far();
    const afar = { address: far().fresh(), endpoint, keys };
    const { bad, traces, steps, acknowledged } = await schedules(FIRST, COUNT, "", afar);
    const [first] = bad;
    const text = first ? `${first.log.join("\n")}\n${first.wrong}` : "";
    expect(
      bad.map((b) => `${b.seed}: ${b.wrong}`),
      text,
    ).toEqual([]);
    expect(new Set(traces).size).toBe(COUNT);
    before ??= traces;
    expect(traces).toEqual(before);
    expect(acknowledged).toBeGreaterThan(0);
    process.stdout.write(`${far().kind}: ${COUNT} schedules, ${steps} store calls\n`);
  });

  it("without a guard something is lost there, too", { timeout: 120_000 }, async () => {
    shown ??= show();
    const seed = await shown;
    const { endpoint, keys } = far();
    const afar = { address: far().fresh(), endpoint, keys };
    const { bad } = await schedules(seed, 1, "condemned", afar);
    expect(bad.map((b) => b.seed)).toEqual([seed]);
  });
});
