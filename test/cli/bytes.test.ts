/** Arguments that are not UTF-8, through the very bytes of argv, for verbs that take a path. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { shown, toBytes, toText } from "../../src/base/bytes.ts";
import { MAIN, world } from "../support/command.ts";

it.each([
  [Buffer.from("plain é 😀")],
  [Buffer.from([0x61, 0xe9, 0x62])],
  [Buffer.from([0xff, 0xef, 0xbf, 0xbd, 0xc3])],
  [Buffer.from([0xed, 0xb2, 0x80])],
  [Buffer.from([0xf0, 0x9f, 0x98])],
])("turns bytes into text and back: %j", (bytes) => {
  expect(toBytes(toText(bytes))).toEqual(bytes);
});

it("shows broken bytes and control characters as what they are", () => {
  expect(shown(Buffer.from([0x61, 0xe9, 0x1b, 0x0a, 0xc2, 0x9b]))).toBe("a\\xe9\\x1b\\x0a\\x9b");
});

it("takes paths that are not UTF-8 everywhere", () => {
  using w = world();
  const latin = (text: string) => Buffer.from(text, "latin1");
  // Node cannot pass such bytes on: they go in as hexadecimal and come out through execv.
  const program =
    "import os,sys; a=[bytes.fromhex(x) for x in sys.argv[1:]]; os.chdir(os.environ['AT']); os.execv(a[0],a)";
  const run = (...args: string[]) => {
    const all = [process.execPath, MAIN, ...args].map((a) => latin(a).toString("hex"));
    const env = { ...w.env, AT: w.place.path };
    const r = spawnSync("python3", ["-c", program, ...all], { env });
    return { status: r.status, out: r.stdout.toString("latin1"), err: r.stderr.toString() };
  };
  const folder = latin(`${w.place.path}/caf\xe9`);
  // Its twin differs in a byte that decodes to the same replacement letter.
  const twin = latin(`${w.place.path}/caf\xe8`);
  for (const [at, text] of [
    [folder, "one"],
    [twin, "two"],
  ] as const) {
    mkdirSync(at);
    writeFileSync(Buffer.concat([at, latin("/f\xfc")]), text);
  }
  expect(run("init").status).toBe(0);
  expect(run("backup", "caf\xe8", "caf\xe9").status).toBe(0);
  const base = `${w.place.path}/caf\xe9`;
  expect(run("cat", `latest:${base}/f\xfc`).out).toBe("one");
  expect(run("ls", `latest:${base}`).out).toBe(`${w.place.path}/caf\\xe9/f\\xfc\n`);
  const [line] = run("ls", "--json", `latest:${base}`).out.split("\n");
  expect(
    Buffer.from((JSON.parse(line ?? "") as { pathBase64: string }).pathBase64, "base64"),
  ).toEqual(latin(`${base}/f\xfc`));
  expect(run("find", "f\xfc").out.split("\n")).toHaveLength(3);
  expect(run("find", `${base}/f*`).out.split("\n")).toHaveLength(2);
  expect(run("restore", `latest:${base}`, "--to", "back\xe9").status).toBe(0);
  expect(readFileSync(latin(`${w.place.path}/back\xe9/f\xfc`), "utf8")).toBe("one");
  writeFileSync(Buffer.concat([folder, latin("/f\xfc")]), "changed");
  expect(run("diff", "latest", base).out).toContain("C ");
  expect(run("restore", `latest:${base}/f\xfc`, "--in-place", "--dry-run").out).toMatch(/^C /);
  expect(run("restore", `latest:${base}/f\xfc`, "--in-place").status).toBe(0);
  expect(readFileSync(Buffer.concat([folder, latin("/f\xfc")]), "utf8")).toBe("one");
  expect(run("snapshots", "--path", "caf\xe8").out).toContain("caf\\xe8");
  expect(run("snapshots", "--path", "caf\xea").out).toBe("no snapshots\n");
  expect(readdirSync(w.place.path)).not.toContain("latest");
  expect(run("stats", "-r", "rep\xe9").err).toContain("is not UTF-8");
}, 60_000);
