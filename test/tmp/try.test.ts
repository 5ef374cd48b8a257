import { it } from "vitest";
import { chmodSync } from "node:fs";
import { world } from "../support/command.ts";
import { startDemo } from "../demo/demo.ts";
it("x", async () => {
  using w = world();
  chmodSync(w.place.path, 0o711);
  await using demo = await startDemo({ root: w.at("source"), alone: true });
  console.log(demo.absent);
  w.run(["init"]);
  const t = Date.now();
  const r = w.run(["backup", "--instance", demo.root, "--verify", "--max-pause", "20"]);
  console.log(r.status, r.out, r.err, Date.now() - t);
}, 120000);
