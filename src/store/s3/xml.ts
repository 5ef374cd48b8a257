/**
 * The little XML that S3 speaks: elements, text, and the entities that every document has.
 *
 * Whatever else XML can hold (document types, processing instructions, sections, comments) no S3
 * server has a reason to send, and it is refused.
 */

export interface Element {
  readonly name: string;
  /** Its own text, that of its children left out. */
  readonly text: string;
  readonly children: readonly Element[];
}

const DEEPEST = 16;
const DECLARATION = /^\ufeff?(<\?xml[^<>?]*\?>)?\s*/;
const TAG = /<(\/?)([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const TEXT = /[^<]+/y;
const ENTITIES: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/** A document's root element; throws an `Error` when the text is no such document. */
export function parseXml(text: string): Element {
  let at = DECLARATION.exec(text)?.[0].length ?? 0;
  const open: { name: string; text: string; children: Element[] }[] = [];
  while (at < text.length) {
    const pattern = text[at] === "<" ? TAG : TEXT;
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null)
      throw new Error(`no XML: unexpected ${JSON.stringify(text.slice(at, at + 8))}`);
    at = pattern.lastIndex;
    const top = open.at(-1);
    const [whole, closes, name = "", , empty] = found;
    if (pattern === TEXT) {
      if (top === undefined) throw new Error("no XML: text outside of elements");
      top.text += plain(whole);
      continue;
    }
    if (closes !== "/") open.push({ name, text: "", children: [] });
    if (open.length > DEEPEST) throw new Error("no XML of S3: too deep");
    if (closes !== "/" && empty !== "/") continue;
    const done = open.pop();
    if (done?.name !== name) throw new Error(`no XML: </${name}> closes nothing`);
    const parent = open.at(-1);
    if (parent !== undefined) parent.children.push(done);
    else if (text.slice(at).trim() === "") return done;
    else throw new Error("no XML: more than one root element");
  }
  throw new Error("no XML: it ends too early");
}

function plain(text: string): string {
  return text.replace(/&([^;]{0,12};?)/g, (_, inner: string) => {
    const name = inner.slice(0, -1);
    const [, hexadecimal, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name) ?? [];
    const digits = hexadecimal ?? decimal;
    const point = digits && Number.parseInt(digits, hexadecimal ? 16 : 10);
    if (inner.endsWith(";") && point && point <= 0x10ffff) return String.fromCodePoint(point);
    const letter =
      inner.endsWith(";") && Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
    if (letter === undefined) throw new Error("no XML: an unknown entity");
    return letter;
  });
}

/** The text of the child of this name; undefined where there is none. */
export function textOf(element: Element, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

export function childrenOf(element: Element, name: string): Element[] {
  return element.children.filter((child) => child.name === name);
}

/** A text that can stand in a document. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
