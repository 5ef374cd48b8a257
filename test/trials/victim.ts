/** One cut of an instance as a process of its own, to be killed in its window. */
import { makeStill } from "../../src/freeze/instance.ts";
import { systemRuntime } from "../../src/index.ts";
import { native } from "../../src/seam/native.ts";
import { planned } from "./cut.ts";

const [root = "", at = ""] = process.argv.slice(2);

const nobody = new Int32Array(new SharedArrayBuffer(4));
const hasWatchdog = () =>
  native.census([]).some((p) => p.parent === process.pid && p.name === "holdall-watchdo");

const say = (text: string) => process.stdout.write(`${text}\n`);
try {
  const { options, plan } = await planned(root);
  const step = (name: string) => {
    say(`step ${name}`);
    // There it stays until somebody was killed.
    while (name === at && hasWatchdog()) Atomics.wait(nobody, 0, 0, 5);
  };
  const { view } = await makeStill(systemRuntime(), { ...options, step }, plan);
  await view[Symbol.asyncDispose]();
  say("cut");
} catch (error) {
  say(`failed ${(error as Error).message}`);
}
