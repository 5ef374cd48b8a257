/** Makes `binding.d.ts` of what the addon's macros leave: one JSON object a line, one item each. */

interface Item {
  readonly kind: string;
  readonly name: string;
  readonly js_doc: string;
  readonly def: string;
}

const HEAD =
  "// Generated from native/addon; a test compares the two and says how to renew this.\n";

function indented(lines: string): string {
  return lines
    .split("\n")
    .map((line) => (line.startsWith(" *") ? `  ${line}` : `  ${line.trim()}`))
    .join("\n");
}

/** `Passphrase = 'passphrase',` a line, as a union of the values. */
function union(variants: string): string {
  return [...variants.matchAll(/= ('\w+')/g)].map((m) => m[1]).join(" | ");
}

const RENDER: Record<string, (item: Item) => string> = {
  fn: ({ def }) => `export declare ${def}`,
  interface: ({ name, def }) => `export interface ${name} {\n${indented(def)}\n}`,
  type: ({ name, def }) => `export type ${name} =\n${def}`,
  string_enum: ({ name, def }) => `export type ${name} = ${union(def)}`,
  struct: ({ name, def }) => `export declare class ${name} {\n${indented(def)}\n}`,
};

export function binding(lines: string): string {
  const items = lines
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Item);
  // A class may have several blocks, in files of their own; the one that makes it comes first.
  const members = new Map<string, string>();
  for (const { kind, name, def } of items) {
    if (kind !== "impl") continue;
    const both = [members.get(name), def].filter((d) => d !== undefined);
    members.set(name, both.sort((a) => (a.includes("constructor(") ? -1 : 1)).join("\n"));
  }
  const shown = items
    .filter((i) => i.kind !== "impl")
    .map((i) => (i.kind === "struct" ? { ...i, def: members.get(i.name) ?? i.def } : i))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const text = shown.map((item) => {
    const render = RENDER[item.kind];
    if (render === undefined) throw new Error(`${item.name}: no way to show a ${item.kind}`);
    return `\n${item.js_doc}${render(item)}\n`;
  });
  return HEAD + text.join("");
}
