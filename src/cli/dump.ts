/** `holdall dump` */
import { Failure } from "../index.ts";
import type { SelectFlags } from "./select.ts";
import type { Flags } from "./settings.ts";
import { writeOut } from "./stream.ts";

export async function run(
  flags: Flags & SelectFlags & { force?: boolean },
  operands: string[],
): Promise<number> {
  if (process.stdout.isTTY && !flags.force) {
    throw new Failure("usage", "a tar stream is nothing for a terminal: redirect it, or --force");
  }
  return writeOut("dump", flags, operands);
}
