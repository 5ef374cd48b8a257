/** `holdall completion`: scripts for shells, from the table of verbs. */
import { Failure } from "../base/failure.ts";
import { GLOBAL_OPTIONS, type OptionRow, VERBS } from "./verbs.ts";

/** `-l, --long <x>` -> `-l`, `--long`. */
const names = (option: OptionRow) => option.flags.match(/(?<![\w-])--?[\w-]+/g) ?? [];
const takesValue = (option: OptionRow) => option.flags.includes("<");
const every = () => [...GLOBAL_OPTIONS, ...Object.values(VERBS).flatMap((v) => v.options ?? [])];
const unique = (words: string[]) => [...new Set(words)];

const valued = (kind: OptionRow["completes"]) =>
  unique(
    every()
      .filter((o) => takesValue(o) && o.completes === kind)
      .flatMap(names),
  ).join("|");

function bash(): string {
  const verbs = Object.keys(VERBS).join(" ");
  const cases = Object.entries(VERBS).map(([name, verb]) => {
    const options = unique([...(verb.options ?? []), ...GLOBAL_OPTIONS].flatMap(names)).join(" ");
    const actions = Object.keys(verb.actions ?? {}).join(" ");
    const paths = verb.completes === "folder" ? "-d" : verb.completes ? "-f" : "";
    return `    ${name}) options="${options}" words="${actions}" paths="${paths}" ;;`;
  });
  return `# bash completion for holdall; made by: holdall completion bash
_holdall() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" verb="" at
  local options="${unique(GLOBAL_OPTIONS.flatMap(names)).join(" ")} --help --version"
  local words="${verbs} help" paths=""
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in
      ${valued(undefined)}|${valued("file")}|${valued("folder")}) ((at++)) ;;
      -*) ;;
      *) verb="\${COMP_WORDS[at]}"; break ;;
    esac
  done
  compopt -o filenames 2>/dev/null
  case "$before" in
    ${valued("file")}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    ${valued("folder")}) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    ${valued(undefined)}) return ;;
  esac
  case "$verb" in
${cases.join("\n")}
    help) options="" words="${verbs}" ;;
  esac
  if [[ "$word" == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; [[ -z "$paths" ]] || compgen $paths -- "$word")
  fi
}
complete -F _holdall holdall
`;
}

/** A word in single quotes of zsh. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

const ZSH_PATHS = { file: "_files", folder: "_files -/" };

function zshOption(option: OptionRow): string {
  const about = option.about.replace(/[[\]:]/g, "\\$&");
  const action = option.completes ? ZSH_PATHS[option.completes] : "";
  const value = takesValue(option) ? `:value:${action}` : "";
  return names(option)
    .map((name) => quoted(`*${name}[${about}]${value}`))
    .join(" ");
}

function zsh(): string {
  const list = (pairs: [string, string][]) =>
    pairs.map(([name, about]) => quoted(`${name}:${about.replaceAll(":", "\\:")}`)).join(" ");
  const cases = Object.entries(VERBS).map(([name, verb]) => {
    const options = (verb.options ?? []).map(zshOption).join(" ");
    const actions = Object.entries(verb.actions ?? {});
    const operands =
      actions.length > 0
        ? quoted(`1:action:(${actions.map(([a]) => a).join(" ")})`)
        : quoted(verb.completes === "folder" ? "*:folder:_files -/" : "*:file:_files");
    return `        ${name}) _arguments $common ${options} ${operands} ;;`;
  });
  return `#compdef holdall
# zsh completion for holdall; made by: holdall completion zsh
_holdall() {
  local -a common verbs
  common=(${GLOBAL_OPTIONS.map(zshOption).join(" ")})
  verbs=(${list(Object.entries(VERBS).map(([name, verb]) => [name, verb.about]))})
  local line state
  _arguments -C $common '1: :->verb' '*:: :->rest'
  case $state in
    verb) _describe verb verbs ;;
    rest)
      case $line[1] in
${cases.join("\n")}
      esac ;;
  esac
}
compdef _holdall holdall
`;
}

function fish(): string {
  const text = (about: string) => `'${about.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const option = (row: OptionRow, condition: string) => {
    const flags = names(row).map((n) =>
      n.startsWith("--") ? `-l ${n.slice(2)}` : `-s ${n.slice(1)}`,
    );
    const value = takesValue(row) ? (row.completes ? " -r -F" : " -x") : "";
    return `complete -c holdall${condition} ${flags.join(" ")}${value} -d ${text(row.about)}`;
  };
  const lines = GLOBAL_OPTIONS.map((row) => option(row, ""));
  for (const [name, verb] of Object.entries(VERBS)) {
    const seen = ` -n '__fish_seen_subcommand_from ${name}'`;
    lines.push(`complete -c holdall -n __fish_use_subcommand -f -a ${name} -d ${text(verb.about)}`);
    for (const row of verb.options ?? []) lines.push(option(row, seen));
    for (const [action, about] of Object.entries(verb.actions ?? {})) {
      lines.push(`complete -c holdall${seen} -f -a ${action} -d ${text(about)}`);
    }
  }
  return `# fish completion for holdall; made by: holdall completion fish\n${lines.join("\n")}\n`;
}

export async function run(_flags: unknown, [shell = ""]: string[]): Promise<number> {
  const scripts: Record<string, () => string> = { bash, zsh, fish };
  const make = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
  if (make === undefined) {
    throw new Failure("usage", `${shell}: completion knows bash, zsh and fish`);
  }
  process.stdout.write(make());
  return 0;
}
