/** `holdall snapshots` */
import { filterSnapshots, hex, type Snapshot, shown } from "../index.ts";
import { integer } from "./arguments.ts";
import { filterOf, type SelectFlags } from "./select.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";
import { count, size, table } from "./words.ts";

function row(s: Snapshot) {
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

function cells(s: Snapshot): string[] {
  const r = row(s);
  const tags = r.tags.length > 0 ? [`[${r.tags.map(shown).join(" ")}]`] : [];
  const troubles = r.troubles > 0 ? [`(${count(r.troubles, "path")} not saved as it is)`] : [];
  return [
    r.id.slice(0, 8),
    r.time.slice(0, 19).replace("T", " "),
    shown(r.host),
    count(r.files, "file"),
    size(r.bytes),
    [...s.section.paths.map(shown), ...tags, ...troubles].join(" "),
  ];
}

export async function run(flags: Flags & SelectFlags & { latest?: string }): Promise<number> {
  const session = new Session(flags, "array");
  const newest =
    flags.latest === undefined
      ? Number.POSITIVE_INFINITY
      : integer(flags.latest, "--latest", 1, 1e9);
  await using repository = await session.open();
  const { snapshots, unreadable } = await repository.snapshots();
  const chosen = filterSnapshots(snapshots, filterOf(flags)).slice(-newest);
  session.output.say(
    chosen.map(row),
    chosen.length === 0 ? "no snapshots" : table(chosen.map(cells)),
  );
  for (const { name, reason } of unreadable) {
    session.output.note(`${shown(name)} cannot be read: ${shown(reason)}`);
  }
  session.end();
  return unreadable.length > 0 ? 13 : 0;
}
