/** Placeholders in texts. */

/** Whatever a text holds in braces that has a value here, as that value; other braces are data. */
export function fill<T>(value: T, say: (name: string) => string | null): T {
  const filled = (one: unknown, key: string): unknown => {
    if (typeof one === "string") {
      // Parameters are JSON already: what comes into them is a text of it.
      if (key === "params") return JSON.stringify(filled(JSON.parse(one), ""));
      return one.replace(/\{([a-z-]+(?::[^{}]+)?)\}/g, (all, name: string) => say(name) ?? all);
    }
    if (Array.isArray(one)) return one.map((each) => filled(each, ""));
    if (one === null || typeof one !== "object") return one;
    return Object.fromEntries(Object.entries(one).map(([k, v]) => [k, filled(v, k)]));
  };
  return filled(value, "") as T;
}
