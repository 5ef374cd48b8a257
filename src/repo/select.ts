/**
 * Finding one snapshot: by id or its beginning, `latest`, or a time; always with or without a path.
 */

import { hex } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { Readable } from "./repository.ts";

/** Splits `latest:/srv/www` into the snapshot and the path. */
export function splitPath(text: string): { snapshot: string; path: string } {
  const at = text.indexOf(":/");
  return at < 0
    ? { snapshot: text, path: "/" }
    : { snapshot: text.slice(0, at), path: text.slice(at + 1) };
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31557600 };

/** Milliseconds since 1970 that a text means; null when it means no time. */
export function parseTime(text: string, now: number): number | null {
  const [, count, unit] = /^(\d+)\s*([smhdwy]) ago$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined)
    return now - Number(count) * (UNITS[unit] ?? 0) * 1000;
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?$/.test(text)) return null;
  const wholeDay = text.length === 10;
  const time = Date.parse(wholeDay ? `${text}T23:59:59.999` : text.replace(" ", "T"));
  return Number.isNaN(time) ? null : time;
}

/**
 * `latest` and times refuse while a record is unreadable: they would quietly mean another snapshot.
 * An id needs only its own record.
 */
export function selectSnapshot(all: Readable, text: string, now: number): Snapshot {
  const { snapshots, unreadable } = all;
  const time = text === "latest" ? Number.POSITIVE_INFINITY : parseTime(text, now);
  if (time !== null) {
    if (unreadable.length > 0) {
      const ids = snapshots.map((s) => hex(s.id).slice(0, 8)).join(" ");
      throw new Failure(
        "snapshots_unreadable",
        `${text}: ${unreadable.length} snapshot record cannot be read (${unreadable[0]?.name}); readable: ${ids || "none"}`,
      );
    }
    const found = snapshots.filter((s) => s.time <= time).at(-1);
    if (found === undefined) throw new Failure("no_snapshot", `there is no snapshot for ${text}`);
    return found;
  }
  if (!/^[0-9a-f]{4,32}$/.test(text)) {
    throw new Failure(
      "no_snapshot",
      `${text} is no snapshot id (at least 4 letters), time or latest`,
    );
  }
  const found = snapshots.filter((s) => hex(s.id).startsWith(text));
  const [first] = found;
  if (first === undefined) throw new Failure("no_snapshot", `there is no snapshot ${text}`);
  if (found.length > 1)
    throw new Failure("no_snapshot", `${text} is the beginning of ${found.length} snapshot ids`);
  return first;
}
