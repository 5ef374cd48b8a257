/** `holdall inventory` */
import {
  Failure,
  type Inventory,
  type InventoryRow,
  inventory,
  shown,
  systemRuntime,
  toFailure,
} from "../index.ts";
import { absolute } from "./arguments.ts";
import { interruptSignal } from "./interrupt.ts";
import { Output } from "./output.ts";
import { cacheBase, type Flags } from "./settings.ts";
import { count, size, table } from "./words.ts";

interface InventoryFlags extends Flags {
  markdown?: boolean;
  strict?: boolean;
}

const HEADS = [
  ...["unit", "context", "engine", "class", "source", "in itself", "with others"],
  ...["lies on", "files", "size", "grown", "newest", "open by", "made again by", "pause"],
];

const day = (time: number) => (time === 0 ? "-" : new Date(time).toISOString().slice(0, 16));

function grown({ growth }: InventoryRow): string {
  if (growth === null) return "new";
  return growth === 0 ? "-" : `${growth < 0 ? "-" : "+"}${size(Math.abs(growth))}`;
}

function placesText({ places }: InventoryRow): string {
  return places
    .map(({ type, mount, subvolume }) => `${type} ${shown(subvolume || mount)}`)
    .join(", ");
}

function openText({ openBy }: InventoryRow): string {
  const names = new Set(openBy.map(({ name, pid, how }) => `${shown(name)}(${pid}) ${how}`));
  return names.size === 0 ? "-" : [...names].join(", ");
}

function cells(row: InventoryRow): string[] {
  const mark = row.origin === "unverified" ? " (unverified)" : "";
  return [
    `${row.service}/${row.unit}${mark}`,
    shown(row.context || "-"),
    row.engine,
    row.class,
    row.source,
    row.inside,
    row.across,
    placesText(row),
    String(row.files),
    size(row.bytes),
    grown(row),
    day(row.newest),
    openText(row),
    row.rebuild || "-",
    `${row.pause} ms`,
  ];
}

type Part = readonly [title: string, rows: readonly (readonly string[])[]];

/** Everything beside the table, each part with its rows; empty parts are left out. */
function parts(found: Inventory): Part[] {
  const raise = new Map(found.rows.map((r) => [`${r.service}/${r.unit}`, r.raise]));
  const all: Part[] = [
    ["what would raise the levels", [...raise].map(([unit, by]) => [unit, by.join("; ")])],
    [
      "declared, but nothing is there",
      found.absent.map((a) => [
        `${a.service}/${a.unit}`,
        a.paths.map(shown).join(" "),
        a.optional ? "optional" : `error: ${a.declared}`,
      ]),
    ],
    [
      "claimed by nobody",
      found.unclaimed.map((u) => [shown(u.path), count(u.files, "file"), size(u.bytes)]),
    ],
    ["claimed twice", found.doubled.map((d) => [shown(d.path), size(d.bytes), d.units.join(" ")])],
    [
      "never in a snapshot",
      [
        ...found.leftOut.map((l) => [shown(l.path), l.unit, l.why]),
        ...found.sockets.map((path) => [shown(path), "-", "a socket"]),
      ],
    ],
    ["not looked at", found.troubles.map(([path, reason]) => [shown(path), reason])],
    [
      "outside, and in no snapshot",
      found.outside.map((o) => [o.kind, shown(o.name), shown(o.detail)]),
    ],
  ];
  return all
    .map(([title, rows]): Part => [title, rows.filter((row) => row[1] !== "")])
    .filter(([, rows]) => rows.length > 0);
}

function last({ rows, worst, pause, since }: Inventory): string {
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  const when = since === null ? "" : `; grown since ${day(since)}`;
  return `${count(rows.length, "unit")}, ${size(bytes)}; at worst ${worst.inside}, ${worst.across}; pause about ${pause} ms${when}`;
}

export function text(found: Inventory): string {
  const said = parts(found).map(([title, rows]) => `\n${title}:\n${table(rows)}`);
  return [table([HEADS, ...found.rows.map(cells)]), ...said, "", last(found)].join("\n");
}

const line = (row: readonly string[]) =>
  `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

function grid(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const wide = rows.map((row) => heads.map((_, i) => row[i] ?? ""));
  return [line(heads), line(heads.map(() => "---")), ...wide.map(line)].join("\n");
}

export function markdown(found: Inventory): string {
  const said = parts(found).map(([title, rows]) => {
    const most = Math.max(...rows.map((row) => row.length));
    return `## ${title}\n\n${grid(Array(most).fill(" "), rows)}`;
  });
  const head = `# ${shown(found.instance)}`;
  return [head, grid(HEADS, found.rows.map(cells)), ...said, last(found)].join("\n\n");
}

export async function run(flags: InventoryFlags, [path]: string[]): Promise<number> {
  if (path === undefined) throw new Failure("usage", "say which instance: give its root folder");
  const output = new Output(flags.json === true, flags.quiet === true);
  const runtime = systemRuntime({
    signal: interruptSignal(),
    emit: (event) => output.show(event),
  });
  const cache = flags.cache === false ? {} : { cache: cacheBase() };
  const { inventory: found, misfit } = await inventory(
    runtime,
    absolute(path).toString("utf8"),
    cache,
  );
  output.say({ event: "inventory", ...found }, flags.markdown ? markdown(found) : text(found));
  const { unclaimed, doubled } = found;
  if (flags.strict && unclaimed.length + doubled.length > 0) {
    const bytes = unclaimed.reduce((sum, u) => sum + u.bytes, 0);
    throw new Failure(
      "unclaimed",
      `${size(bytes)} in ${count(unclaimed.length, "place")} are claimed by nobody, ${count(doubled.length, "path")} twice`,
    );
  }
  if (misfit !== null && doubled.length === 0) throw toFailure(misfit);
  return found.troubles.length > 0 ? 3 : 0;
}
