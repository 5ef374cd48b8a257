/** Printing entries and differences. */
import { pathFields, type Row, shown } from "../index.ts";

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

export function printRow(row: Row, json: boolean, long: boolean): void {
  if (json) {
    const { path, target, ...rest } = row;
    const link = target === null ? {} : { target: target.toString("utf8") };
    process.stdout.write(`${JSON.stringify({ ...pathFields(path), ...rest, ...link })}\n`);
    return;
  }
  const mark = row.mark === "" ? "" : `${row.mark} `;
  const arrow = long && row.target !== null ? ` -> ${shown(row.target)}` : "";
  const time = new Date(row.mtime[0] * 1000);
  const stamp = Number.isNaN(time.getTime())
    ? String(row.mtime[0])
    : time.toISOString().slice(0, 19);
  const details = long
    ? `${modeText(row)} ${row.uid}:${row.gid} ${String(row.size).padStart(12)} ${stamp} `
    : "";
  process.stdout.write(`${mark}${details}${shown(row.path)}${arrow}\n`);
}
