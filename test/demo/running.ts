/** A demo instance that runs while the tests of a file do, beside a world for the command. */
import { chmodSync } from "node:fs";
import { afterAll, beforeAll } from "vitest";
import { world } from "../support/command.ts";
import { type Demo, type DemoOptions, startDemo } from "./demo.ts";

/** `runs`: whether it can run here; where it cannot, nobody may ask for it. */
export function running(runs: boolean, options: Omit<DemoOptions, "root"> = {}) {
  const w = world();
  // Who its services run as gets through.
  chmodSync(w.place.path, 0o711);
  const root = w.at("source");
  let started: Demo | undefined;

  beforeAll(async () => {
    if (runs) started = await startDemo({ root, ...options });
  }, 120_000);

  afterAll(async () => {
    await started?.stop();
    w[Symbol.dispose]();
  }, 120_000);

  const demo = (): Demo => {
    if (started === undefined) throw new Error("the demo instance was not started");
    return started;
  };
  return { w, root, demo };
}
