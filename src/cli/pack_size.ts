/** `--pack-size` of whatever makes packs. */
import { Failure } from "../base/failure.ts";
import { integer } from "./arguments.ts";
import type { OptionRow } from "./verbs.ts";

export const PACK_SIZE: OptionRow = {
  flags: "--pack-size <MiB>",
  about: "fill packs to 16, 32, 64 or 128; if not given, to more as the repository grows",
};

/** What was given, as the option of a verb. */
export function packSize(text: string | undefined): { packSize?: number } {
  if (text === undefined) return {};
  const size = integer(text, "--pack-size", 16, 128);
  if (!Number.isInteger(Math.log2(size))) {
    throw new Failure("usage", `--pack-size ${text}: give 16, 32, 64 or 128`);
  }
  return { packSize: size };
}
