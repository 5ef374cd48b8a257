/** The Rust core: its types as the addon's macros state them, and the loader that finds it. */
import { createRequire } from "node:module";
import { Failure } from "../base/failure.ts";

export type {
  Contents,
  Index,
  Job,
  JobEvent,
  JobSpec,
  KdfCost,
  Keyring,
  Sealed,
  SecretKind,
  SlotFacts,
} from "@holdall/linux-x64";

type Native = typeof import("@holdall/linux-x64");

/** One `require` serves the clone, where the package is a workspace, and an installed package. */
function load(): Native {
  const platform = `@holdall/${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url)(platform) as Native;
  } catch (error) {
    throw new Failure(
      "internal",
      `the native core ${platform} does not load: ${(error as Error).message.split("\n")[0]}`,
      error,
    );
  }
}

export const native: Native = load();
