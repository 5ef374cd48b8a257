/** The Rust core: its types as the addon's macros state them, and the loader that finds it. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Failure } from "../base/failure.ts";

export type {
  Contents,
  Index,
  Job,
  JobEvent,
  JobSpec,
  KdfCost,
  Keyring,
  Process,
  Sealed,
  SecretKind,
  SlotFacts,
} from "@holdall/linux-x64";

const PLATFORM = `@holdall/${process.platform}-${process.arch}`;

type Native = typeof import("@holdall/linux-x64");

/** One `require` serves the clone, where the package is a workspace, and an installed package. */
function load(): Native {
  try {
    return createRequire(import.meta.url)(PLATFORM) as Native;
  } catch (error) {
    throw new Failure(
      "internal",
      `the native core ${PLATFORM} does not load: ${(error as Error).message.split("\n")[0]}`,
      error,
    );
  }
}

export const native: Native = load();

/** The program that stops and continues others; it lies beside the core. */
export const watchdogPath = (): string =>
  join(dirname(createRequire(import.meta.url).resolve(PLATFORM)), "holdall-watchdog");
