/** Globs, and which unit claims what. */
import { expect, it } from "vitest";
import { Claims, compile } from "../../src/instance/glob.ts";
import { parseInstance } from "../../src/instance/parse.ts";

it.each<[string, string[], string[]]>([
  ["var/a", ["var/a"], ["var/ab", "var", "var/a/b", "xvar/a"]],
  ["var/*.db", ["var/x.db", "var/.db"], ["var/x.dbx", "var/y/x.db", "var/xdb"]],
  ["var/?", ["var/x", "var/\u{1f600}", "var/\udc80"], ["var/", "var/xy"]],
  ["**", ["a", "a/b"], []],
  ["**/x", ["x", "a/x", "a/b/x"], ["a/xx", "x/a"]],
  ["a/**/x", ["a/x", "a/b/c/x"], ["b/x"]],
  ["a/**", ["a/b", "a/b/c"], ["a"]],
  ["(a)+[b]$^|", ["(a)+[b]$^|"], ["a", "aa[b]"]],
])("%s matches %j and not %j", (glob, yes, no) => {
  expect(yes.filter((path) => !compile(glob).test(path))).toEqual([]);
  expect(no.filter((path) => compile(glob).test(path))).toEqual([]);
});

const units = parseInstance(
  "holdall.toml",
  `
[[state]]
service = "db"
id = "databases"
paths = ["var/db{context}", "var/db{context}.redb"]
except = ["var/db0.redb"]
context-names = { 1 = "geomind" }
engine = "redb"
[[state]]
service = "chat"
id = "rows"
paths = ["var/chat.db"]
engine = "sqlite"
[[state]]
service = "books"
id = "text"
paths = ["books/{context}"]
except = ["books/*/index"]
[[state]]
service = "books"
id = "index"
paths = ["books/{context}/index"]
`,
).services.flatMap((service) => service.units);

const on = (path: string) => {
  const claims = new Claims(units);
  const names = path.split("/");
  let found: ReturnType<Claims["at"]> = [];
  for (let n = 1; n <= names.length; n++) found = claims.at(names.slice(0, n).join("/"), found);
  return found.map(({ unit, context }) => `${unit.id} ${context}`);
};

it.each<[string, string[]]>([
  ["var/db2", ["databases 2"]],
  ["var/db1/vectors/x", ["databases geomind"]],
  ["var/db1.redb", ["databases geomind"]],
  ["var/db0.redb", []],
  ["var/chat.db", ["rows "]],
  ["var/chat.db-wal", ["rows "]],
  ["var/chat.db-journal", ["rows "]],
  ["var/chat.db.old", []],
  ["books/acme/a/b", ["text acme"]],
  ["books/acme/index", ["index acme"]],
  ["books/acme/index/deep/er", ["index acme"]],
  ["books", []],
])("%s is claimed by %j", (path, claims) => expect(on(path)).toEqual(claims));
