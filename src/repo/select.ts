/**
 * Finding snapshots: by id or its beginning, `latest`, or a time; always with or without a path.
 *
 * Times without a zone are local. A date alone means its end, so that the date names the day's last
 * snapshot.
 */
import { hex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { Readable } from "./log.ts";
import { sectionsOf } from "./units.ts";

/** Splits `latest:/srv/www` into the snapshot and the path; no path is `/`. */
export function splitPath(text: string): { snapshot: string; path: string } {
  const at = text.indexOf(":/");
  return at < 0
    ? { snapshot: text, path: "/" }
    : { snapshot: text.slice(0, at), path: text.slice(at + 1) };
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31557600 };
const AGO = /^(\d+) ?(s|m|h|d|w|y|second|minute|hour|day|week|year)s? ago$/;
const DATE =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** Milliseconds since 1970 that a text means; null when it means no time. */
export function parseTime(text: string, now: number): number | null {
  if (text === "now") return now;
  if (text === "today" || text === "yesterday") {
    const day = new Date(now);
    day.setDate(day.getDate() + (text === "today" ? 1 : 0));
    return day.setHours(0, 0, 0, 0) - 1;
  }
  const [, count, unit] = AGO.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) {
    return now - Number(count) * (UNITS[unit.charAt(0)] ?? 0) * 1000;
  }
  const [, year, month, day, clock, zone] = DATE.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined) return null;
  // `Date` would take the 31st of February for the 3rd of March.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > days) return null;
  const time = Date.parse(`${year}-${month}-${day}T${clock ?? "23:59:59.999"}${zone ?? ""}`);
  return Number.isNaN(time) ? null : time;
}

/** Which snapshots count; an absent field lets all through. */
export interface SnapshotFilter {
  readonly host?: string;
  /** One of the saved paths is this one. */
  readonly path?: Buffer;
  /** Every one of these is a tag of the snapshot. */
  readonly tags?: readonly string[];
}

/** The snapshots that a filter lets through, in the order given. */
export function filterSnapshots(
  snapshots: readonly Snapshot[],
  { host, path, tags }: SnapshotFilter,
): Snapshot[] {
  return snapshots.filter(
    (s) =>
      (host === undefined || s.host === host) &&
      (path === undefined ||
        sectionsOf(s).some(({ paths }) => paths.some((p) => p.equals(path)))) &&
      (tags ?? []).every((tag) => sectionsOf(s).some(({ tags: own }) => own.includes(tag))),
  );
}

/**
 * The snapshot that a text names; fails with `no_snapshot`.
 *
 * `latest` and times look at what the filter lets through, and refuse with `snapshots_unreadable`
 * while a record cannot be read: they would quietly mean another snapshot. An id needs only its own
 * record. `now` is in milliseconds since 1970.
 */
export function selectSnapshot(
  all: Readable,
  text: string,
  now: number,
  filter: SnapshotFilter = {},
): Snapshot {
  const time = text === "latest" ? Number.POSITIVE_INFINITY : parseTime(text, now);
  if (time === null) return byId(all, text);
  refuseUnreadable(all, text);
  const found = filterSnapshots(all.snapshots, filter)
    .filter((s) => s.time <= time)
    .at(-1);
  if (found === undefined) throw new Failure("no_snapshot", `there is no snapshot for ${text}`);
  return found;
}

function refuseUnreadable({ snapshots, unreadable }: Readable, text: string): void {
  const [bad] = unreadable;
  if (bad === undefined) return;
  const ids = snapshots.map((s) => hex(s.id).slice(0, 8)).join(" ");
  const count = `${unreadable.length} snapshot ${unreadable.length === 1 ? "record" : "records"}`;
  throw new Failure(
    "snapshots_unreadable",
    `${text}: ${count} cannot be read (${bad.name}); readable: ${ids || "none"}`,
  );
}

function byId({ snapshots, unreadable }: Readable, text: string): Snapshot {
  if (!/^[0-9a-f]{4,32}$/.test(text)) {
    throw new Failure(
      "no_snapshot",
      `${text} is no snapshot: give an id or at least 4 digits of it, a time, or latest`,
    );
  }
  const found = snapshots.filter((s) => hex(s.id).startsWith(text));
  const [first] = found;
  if (first === undefined) {
    const more = unreadable.length > 0 ? `; ${unreadable.length} cannot be read` : "";
    throw new Failure("no_snapshot", `there is no snapshot ${text}${more}`);
  }
  if (found.length > 1) {
    throw new Failure("no_snapshot", `${text} is the beginning of ${found.length} snapshot ids`);
  }
  return first;
}
