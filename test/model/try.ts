import { explore } from "./explore.ts";
import { SCENES, setUp } from "./scenes.ts";
import { World } from "./world.ts";
for (const name of process.argv.slice(2)) {
  const full = process.env.FULL === "1";
  const t = process.hrtime.bigint();
  const scene = SCENES[name]; if (!scene) throw new Error(name);
  const r = explore(new World(setUp(scene)), { trace: process.env.TRACE === "1", full, limit: Number(process.env.LIMIT ?? 3e7), progress: (s, d, w) => console.log(s, d, w) });
  console.log(name, r.states, r.transitions, r.depth, r.exhausted, r.violation, Number(process.hrtime.bigint() - t) / 1e9);
  r.trace.forEach((l, i) => console.log(i + 1, l));
}
