import { RULES } from "../../src/repo/protocol/rules.ts";
import { explore } from "./explore.ts";
import { GUARDS } from "./guards.ts";
import { Liveness } from "./liveness.ts";
import { setUp } from "./scenes.ts";
import { World } from "./world.ts";

const only = process.argv.slice(2);
for (const g of GUARDS) {
  if (only.length && !only.includes(g.guard)) continue;
  const t = process.hrtime.bigint();
  const w0 = new World(setUp(g.scene));
  const l0 = new Liveness(w0);
  const whole = process.env.WITH
    ? explore(w0, { limit: 3e6, trace: true, each: (row) => l0.check(row) })
    : null;
  if (whole) {
    console.log("   whole:", whole.states, whole.exhausted, whole.violation);
    if (whole.violation) whole.trace.forEach((l, i) => console.log(i + 1, l));
  }
  const world = new World(setUp(g.scene, { ...RULES, ...g.rules }, g.slips));
  const live = new Liveness(world, g.slips);
  const r = explore(world, {
    trace: true,
    limit: Number(process.env.LIMIT ?? 3e6),
    ...(g.breaks === "liveness" || process.env.LIVE
      ? { each: (row: Int32Array) => live.check(row) }
      : {}),
  });
  console.log("stores", live.stores);
  console.log(
    g.guard,
    r.states,
    r.depth,
    r.exhausted,
    r.violation,
    Number(process.hrtime.bigint() - t) / 1e9,
  );
  if (only.length) r.trace.forEach((l, i) => console.log(i + 1, l));
}
