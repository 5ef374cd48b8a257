/** `holdall undelete` */
import { hostname } from "node:os";
import { undelete } from "../index.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";
import { count, size } from "./words.ts";

export async function run(flags: Flags & { host?: string }, operands: string[]): Promise<number> {
  const session = new Session(flags);
  await using repository = await session.open();
  const host = flags.host ?? hostname();
  const named = operands.length > 0 ? { snapshots: operands } : { dryRun: true };
  const result = await undelete(session.runtime, repository, { ...named, host });
  const ids = result.undeleted.map((id) => id.slice(0, 8)).join("\n");
  const said = result.dryRun
    ? `${ids === "" ? "" : `${ids}\n`}${count(result.undeleted.length, "snapshot")} can be brought back`
    : `${count(result.undeleted.length, "snapshot")} brought back, ${size(result.storedBytes)} stored`;
  session.say({ event: "undelete", ...result }, said);
  return 0;
}
