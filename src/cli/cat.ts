/** `holdall cat` */
import type { SelectFlags } from "./select.ts";
import type { Flags } from "./settings.ts";
import { writeOut } from "./stream.ts";

export const run = (flags: Flags & SelectFlags, operands: string[]) =>
  writeOut("cat", flags, operands);
