/** Help texts, from the table of verbs. */
import { EXIT_STATUS } from "../base/failure.ts";
import { ABOUT, ENVIRONMENT, GLOBAL_OPTIONS, NAMES, type OptionRow, VERBS } from "./verbs.ts";

type Pair = readonly [string, string];

/** Breaks a text at spaces into lines of at most `width` letters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Two columns; the right one is wrapped and keeps its edge. */
function columns(pairs: readonly Pair[], width: number): string[] {
  const left = Math.min(30, Math.max(...pairs.map(([name]) => name.length))) + 4;
  return pairs.flatMap(([name, about]) => {
    const [first = "", ...rest] = wrap(about, Math.max(20, width - left));
    const head = `  ${name}`;
    const start =
      head.length + 1 < left ? [head.padEnd(left) + first] : [head, " ".repeat(left) + first];
    return [...start, ...rest.map((line) => " ".repeat(left) + line)];
  });
}

function chapter(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines];
}

/** An option's row, its default told. */
export function describe({ flags, about, many, fallback }: OptionRow): Pair {
  const more = many
    ? "; can be repeated"
    : fallback === undefined
      ? ""
      : `; ${fallback} if not given`;
  return [flags, about + more];
}

const statuses = EXIT_STATUS.map(([n, about]): Pair => [String(n), about]);

export function programHelp(width: number): string {
  const verbs = Object.entries(VERBS).map(([name, verb]): Pair => [name, verb.about]);
  return `${[
    "holdall [options] VERB ...",
    "",
    ...wrap(ABOUT, width),
    ...chapter("VERBS (holdall help VERB tells more)", columns(verbs, width)),
    ...chapter("OPTIONS", columns(GLOBAL_OPTIONS.map(describe), width)),
    ...chapter("SNAPSHOTS ARE NAMED BY", columns(NAMES, width)),
    ...chapter("ENVIRONMENT", columns(ENVIRONMENT, width)),
    ...chapter("EXIT STATUS", columns(statuses, width)),
  ].join("\n")}\n`;
}

export function verbHelp(name: string, width: number): string {
  const verb = VERBS[name];
  if (verb === undefined) return programHelp(width);
  const actions = Object.entries(verb.actions ?? {});
  const options = (verb.options ?? []).map(describe);
  return `${[
    `holdall ${name} ${verb.operands}`.trimEnd(),
    "",
    ...wrap(verb.about, width),
    ...(verb.notes ?? []).flatMap((note) => ["", ...wrap(note, width)]),
    ...(actions.length === 0 ? [] : chapter("ACTIONS", columns(actions, width))),
    ...(options.length === 0 ? [] : chapter("OPTIONS", columns(options, width))),
    ...chapter("OPTIONS OF EVERY VERB", columns(GLOBAL_OPTIONS.map(describe), width)),
    ...chapter(
      "EXAMPLES",
      verb.examples.map((example) => `  ${example}`),
    ),
    ...chapter("EXIT STATUS", columns(statuses, width)),
  ].join("\n")}\n`;
}
