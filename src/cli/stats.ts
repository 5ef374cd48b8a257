/** `holdall stats` */
import { stats } from "../index.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";
import { size, table } from "./words.ts";

export async function run(flags: Flags): Promise<number> {
  const session = new Session(flags);
  await using repository = await session.open();
  const s = await stats(repository);
  const stored = s.packBytes + s.indexBytes;
  const ratio = stored > 0 ? `, 1 to ${(s.logicalBytes / stored).toFixed(1)}` : "";
  const rows = [
    ["snapshots", String(s.snapshots), `${size(s.logicalBytes)} of files in all`],
    ["packs", String(s.packs), `${size(s.packBytes)} stored${ratio}`],
    ["index runs", String(s.indexRuns), size(s.indexBytes)],
    ["chunks", String(s.chunks), "each stored once"],
  ];
  session.say({ event: "stats", ...s }, table(rows));
  return 0;
}
