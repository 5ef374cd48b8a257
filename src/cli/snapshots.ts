/** `holdall snapshots` */
import { hex, type Snapshot, shown } from "../index.ts";
import { size } from "./progress.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";

export function row(s: Snapshot) {
  const sum = (key: "files" | "bytes") => s.section.units.reduce((n, u) => n + u[key], 0);
  return {
    id: hex(s.id),
    time: new Date(s.time).toISOString(),
    host: s.host,
    paths: s.section.paths.map((p) => p.toString("utf8")),
    tags: s.section.tags,
    files: sum("files"),
    bytes: sum("bytes"),
    parent: s.parent && hex(s.parent),
    troubles: s.section.troubles.length,
  };
}

export async function run(flags: Flags): Promise<number> {
  const session = new Session(flags);
  await using repository = await session.open();
  const { snapshots, unreadable } = await repository.snapshots();
  const rows = snapshots.map(row);
  const lines = rows.map((r) => {
    const tags = r.tags.length > 0 ? `  [${r.tags.map(shown).join(" ")}]` : "";
    const time = r.time.slice(0, 19).replace("T", " ");
    return `${r.id.slice(0, 8)}  ${time}  ${shown(r.host)}  ${r.files} files  ${size(r.bytes)}  ${r.paths.map(shown).join(" ")}${tags}`;
  });
  session.say(rows, lines.length === 0 ? "no snapshots yet" : lines.join("\n"));
  for (const bad of unreadable) process.stderr.write(`unreadable: ${bad.name}: ${bad.reason}\n`);
  return unreadable.length > 0 ? 13 : 0;
}
