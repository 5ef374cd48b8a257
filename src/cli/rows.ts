/** Printing entries and differences. */
import { type HoldallEvent, pathFields, type Row, shown } from "../index.ts";

const LETTERS = {
  file: "-",
  dir: "d",
  symlink: "l",
  char: "c",
  block: "b",
  fifo: "p",
  socket: "s",
  unknown: "?",
};

function modeText(row: Row): string {
  const bits = [..."rwxrwxrwx"].map((letter, i) => (row.mode & (0o400 >> i) ? letter : "-"));
  const special = (bit: number, at: number, letter: string) => {
    if (row.mode & bit) bits[at] = bits[at] === "-" ? letter.toUpperCase() : letter;
  };
  special(0o4000, 2, "s");
  special(0o2000, 5, "s");
  special(0o1000, 8, "t");
  return LETTERS[row.kind] + bits.join("");
}

function timeText([seconds]: Row["mtime"]): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime())
    ? `${seconds} s`.padEnd(19)
    : time.toISOString().slice(0, 19).replace("T", " ");
}

/** The line of a listing for people. */
export function rowText(row: Row, long: boolean): string {
  const mark = row.mark === "" ? "" : `${row.mark} `;
  if (!long) return mark + shown(row.path);
  const owner = `${row.uid}:${row.gid}`.padEnd(11);
  const arrow = row.target === null ? "" : ` -> ${shown(row.target)}`;
  const bytes = String(row.size).padStart(12);
  return `${mark}${modeText(row)} ${owner} ${bytes} ${timeText(row.mtime)} ${shown(row.path)}${arrow}`;
}

/** The same for `--json`. */
export function rowEvent(row: Row, snapshot?: string): HoldallEvent {
  const { path, target, mark, ...rest } = row;
  const link = target === null ? undefined : pathFields(target);
  return {
    event: "entry",
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(mark === "" ? {} : { mark: mark as "+" | "-" | "C" | "M" }),
    ...pathFields(path),
    ...rest,
    ...(link === undefined ? {} : { target: link.path }),
    ...(link?.pathBase64 === undefined ? {} : { targetBase64: link.pathBase64 }),
  };
}
