/** `holdall cache` */
import { cacheFolders, clearCaches, Failure, shown } from "../index.ts";
import { Output } from "./output.ts";
import { cacheBase, type Flags } from "./settings.ts";
import { size, table } from "./words.ts";

export async function run(flags: Flags, [action = "list"]: string[]): Promise<number> {
  const act = { list: cacheFolders, clear: clearCaches }[action];
  if (act === undefined) throw new Failure("usage", `cache ${action}: it is list or clear`);
  const folder = cacheBase();
  const caches = await act(folder);
  const rows = caches.map((c) => [c.name, `${c.files} files`, size(c.bytes)]);
  const found = rows.length === 0 ? "no caches" : table(rows);
  const text = `${found}\n${action === "clear" ? "cleared:" : "in"} ${shown(folder)}`;
  new Output(flags.json === true, flags.quiet === true).say(
    { event: "cache", folder, cleared: action === "clear", caches },
    text,
  );
  return 0;
}
