/** `holdall snapshots` */
import { filterSnapshots, hex, type Snapshot, sectionsOf, shown, total } from "../index.ts";
import { integer } from "./arguments.ts";
import { filterOf, type SelectFlags } from "./select.ts";
import { Session } from "./session.ts";
import type { Flags } from "./settings.ts";
import { count, size, table } from "./words.ts";

/** Each unit with its context, and how it stands in itself and with the others. */
function units(s: Snapshot) {
  return sectionsOf(s).flatMap(({ context, units }) =>
    units.map(({ id, engine, class: worth, consistency: [inside, across] }) => ({
      ...{ id, context, engine, class: worth, inside, across },
    })),
  );
}

function row(s: Snapshot) {
  const sections = sectionsOf(s);
  return {
    id: hex(s.id),
    time: new Date(s.time).toISOString(),
    host: s.host,
    ...(s.instance === "" ? {} : { instance: s.instance, units: units(s) }),
    paths: sections.flatMap((part) => part.paths.map((p) => p.toString("utf8"))),
    tags: [...new Set(sections.flatMap((part) => part.tags))],
    files: total(s, "files"),
    bytes: total(s, "bytes"),
    parent: s.parent && hex(s.parent),
    troubles: sections.reduce((n, part) => n + part.troubles.length, 0),
  };
}

/** An instance and its contexts, or the saved paths. */
function what(s: Snapshot): string[] {
  if (s.instance === "") return sectionsOf(s).flatMap(({ paths }) => paths.map(shown));
  const contexts = sectionsOf(s).map(({ context }) => context);
  const named = contexts.filter((context) => context !== "").map(shown);
  return [shown(s.instance), ...(named.length > 0 ? [`(${named.join(" ")})`] : [])];
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
    [...what(s), ...tags, ...troubles].join(" "),
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
