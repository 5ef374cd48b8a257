/** The walk sees every name at any depth, follows no link, and stops when it is told to. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { toText } from "../../src/base/bytes.ts";
import { type Seen, walk } from "../../src/instance/walk.ts";
import { erase, temporary } from "../support/tree.ts";

const MAKE = `
import os, sys
os.chdir(sys.argv[1])
open(b"byte\\xff", "w").write("x"); open("empty", "w"); os.symlink("/etc", "link")
os.mkdir("wide")
for n in range(300): open("wide/%d" % n, "w")
os.mkdir("deep"); os.chdir("deep")
for n in range(60):
    os.mkdir("d" * 200); os.chdir("d" * 200)
open("last", "w").write("end")
`;

const never = new AbortController().signal;

it("reaches what lies beyond PATH_MAX, by bytes", async () => {
  using place = temporary();
  execFileSync("python3", ["-c", MAKE, place.path]);
  const seen: Seen[] = [];
  const visit = (one: Seen) => void seen.push(one);
  await walk(place.path, undefined, { visit, trouble: fail }, never);
  expect(seen).toHaveLength(5 + 300 + 60 + 1);
  const last = seen.find(({ name }) => name === "last");
  expect(last?.path.length).toBeGreaterThan(12_000);
  expect(last?.stats.size).toBe(3n);
  expect(seen.map(({ path }) => path)).toContain(
    toText(Buffer.from([...Buffer.from("byte"), 255])),
  );
  expect(seen.find(({ name }) => name === "link")?.target).toBe("/etc");
  expect(seen.filter(({ path }) => path.startsWith("link/"))).toEqual([]);
  erase(join(place.path, "deep"));
}, 60_000);

function fail(): never {
  throw new Error("nothing is in trouble");
}

it("hands down what is known of a folder, and tells of what it may not enter", async () => {
  using place = temporary();
  execFileSync("mkdir", ["-p", join(place.path, "a/b/c")]);
  const told: string[] = [];
  const visit = ({ path }: Seen, above: string) => {
    told.push(`${above}>${path}`);
    return path;
  };
  await walk(place.path, "root", { visit, trouble: fail }, never);
  expect(told).toEqual(["root>a", "a>a/b", "a/b>a/b/c"]);
  const troubles: string[][] = [];
  const trouble = (path: string, reason: string) => troubles.push([path, reason]);
  await walk(join(place.path, "none"), "", { visit, trouble }, never);
  expect(troubles).toEqual([["", "ENOENT"]]);
});

it("stops at an abort", async () => {
  await expect(
    walk("/usr", 0, { visit: (_, n) => n, trouble: () => undefined }, AbortSignal.abort()),
  ).rejects.toThrow("abort");
});
