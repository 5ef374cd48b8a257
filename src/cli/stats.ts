/** `holdall stats` */
import { stats } from "../index.ts";
import { size } from "./progress.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

export async function run(flags: Flags): Promise<number> {
  const session = new Session(flags);
  await using repository = await session.open();
  const s = await stats(repository);
  session.say(
    { event: "stats", ...s },
    `${s.snapshots} snapshots of ${size(s.logicalBytes)} in all\n${s.packs} packs, ${size(s.packBytes)}\n${s.indexRuns} index runs, ${size(s.indexBytes)}\n${s.chunks} chunks`,
  );
  return 0;
}
