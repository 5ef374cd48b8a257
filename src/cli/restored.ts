/** What restores are asked for, and what they say at their end. */
import type { RestoreResult } from "../index.ts";
import type { SelectFlags } from "./select.ts";
import type { Flags } from "./settings.ts";
import { count, duration, size } from "./words.ts";

export interface RestoreFlags extends Flags, SelectFlags {
  instance?: string;
  owner?: string[];
  /** False for `--no-start`. */
  start?: boolean;
  to?: string;
  inPlace?: boolean;
  delete?: boolean;
  dryRun?: boolean;
}

export function restoredText(result: RestoreResult, dryRun: boolean, seconds: number): string {
  const { entries, bytes, written, deleted, fetched, fetches, troubles } = result;
  const parts = [`${count(entries, "entry", "entries")}, ${size(bytes)}`];
  if (!dryRun) parts.push(`${size(written)} written`);
  else parts.push(`${size(fetched)} to read in ${count(fetches, "range")}`);
  if (deleted > 0) parts.push(`${deleted} deleted`);
  const head = dryRun ? "dry run, nothing was changed: would restore" : "restored";
  const trouble =
    troubles > 0 ? `\n${count(troubles, "path")} could not be restored as it was; see above` : "";
  return `${head} ${parts.join("; ")}; ${duration(seconds)}${trouble}`;
}
