import { RULES } from "../../src/repo/protocol/rules.ts";
import { explore } from "./explore.ts";
import { LARGE, SMALL, setUp } from "./scenes.ts";
import { World } from "./world.ts";

for (const name of process.argv.slice(2)) {
  const full = process.env.FULL === "1";
  const t = process.hrtime.bigint();
  const scene = { ...SMALL, ...LARGE }[name];
  if (!scene) throw new Error(name);
  const rules = process.env.ONE
    ? { ...RULES, sweep: RULES.sweep.filter((s, i, all) => s !== "snapshots" || all[i - 1] !== s) }
    : RULES;
  const r = explore(new World(setUp(scene, rules)), {
    trace: process.env.TRACE === "1",
    full,
    limit: Number(process.env.LIMIT ?? 3e7),
    progress: (s, d, w) => console.log(s, d, w, Number(process.hrtime.bigint() - t) / 1e9),
  });
  console.log(
    name,
    r.states,
    r.transitions,
    r.depth,
    r.exhausted,
    r.violation,
    Number(process.hrtime.bigint() - t) / 1e9,
  );
  r.trace.forEach((l, i) => console.log(i + 1, l));
}
