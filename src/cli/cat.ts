/** `holdall cat` */
import { writeOut } from "./output.ts";
import type { Flags } from "./settings.ts";

export const run = (flags: Flags, operands: string[]) => writeOut("cat", flags, operands);
