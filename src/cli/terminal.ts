/** What a terminal can show: its width, and colour when it is wanted. */

/** Letters in a line of the terminal behind a stream. */
export function width(stream: NodeJS.WriteStream): number {
  const told = stream.columns ?? Number(process.env.COLUMNS);
  return Number.isInteger(told) && told > 0 ? told : 80;
}

/** FORCE_COLOR wins over NO_COLOR; without either, terminals that know colour get it. */
export function coloured(stream: NodeJS.WriteStream): boolean {
  const { FORCE_COLOR: force, NO_COLOR: never, TERM: term } = process.env;
  if (force !== undefined && force !== "") return force !== "0";
  return stream.isTTY === true && (never ?? "") === "" && term !== "dumb";
}

const CODES = { red: 31, yellow: 33, faint: 2 };

/** A text for standard error, in colour where that is wanted. */
export function paint(colour: keyof typeof CODES, text: string): string {
  return coloured(process.stderr) ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
}
