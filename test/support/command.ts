/**
 * The built command as a process, with a home, a repository and a source of its own. At the end the
 * independent reader opens what the commands made and walks all of it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, onTestFinished, TestRunner } from "vitest";
import { temporary } from "./tree.ts";
import { ACCESS, addressOf, BUCKET, folderOf, objectsOf, storeAt } from "./where.ts";
import { witness } from "./witness.ts";

export const MAIN = join(import.meta.dirname, "../../.build/bin/holdall.js");

export interface More {
  input?: string | Buffer;
  env?: Record<string, string | undefined>;
  /** Who runs it, instead of who runs the tests. */
  user?: { uid: number; gid: number };
}

const KEY = "5a".repeat(32);

/** What a command said, but for the line that only a bucket's has: how much was asked of it. */
export const withoutRequests = (said: string) =>
  said.replaceAll(/^(\d+ requests?; .* received|\{"event":"store",.*\})\n/gm, "");

/** `spoiled`: the test leaves a repository that is not whole, or that has another secret. */
export function world(spoiled = false) {
  const place = temporary();
  const at = (name: string) => join(place.path, name);
  writeFileSync(at("key"), KEY);
  const source = at("src");
  mkdirSync(join(source, "www"), { recursive: true });
  writeFileSync(join(source, "www", "index.html"), "<h1>hello</h1>\n");
  writeFileSync(join(source, "notes"), "n".repeat(70_000));
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: place.path,
    HOLDALL_REPOSITORY: addressOf(at("repo")),
    HOLDALL_KEYFILE: at("key"),
    HOLDALL_WORKERS: "2",
    ...ACCESS,
  };
  const objects = objectsOf(storeAt(at("repo")));
  const run = (args: string[], more: More = {}) => {
    const r = spawnSync(process.execPath, [MAIN, ...args], {
      env: { ...env, ...more.env },
      input: more.input ?? "",
      encoding: "utf8",
      ...more.user,
      // A process without a terminal, whoever runs the tests: no prompt can wait for a person.
      ...({ detached: true } as object),
    });
    const [out, err] = [withoutRequests(r.stdout), withoutRequests(r.stderr)];
    return { status: r.status, out, err };
  };
  /** The last line of standard output as JSON. */
  const json = (args: string[], more: More = {}): Record<string, unknown> => {
    const { out } = run(["--json", ...args], more);
    return JSON.parse(out.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
  };
  /** The folder alone waits for nobody: what lies in a bucket is read when the test is over. */
  const dispose = () => {
    using _ = place;
    if (spoiled || BUCKET !== null) return;
    if (existsSync(join(at("repo"), "slots"))) witness(at("repo"), KEY);
  };
  if (!spoiled && BUCKET !== null) {
    const finished = TestRunner.getCurrentTest() === undefined ? afterAll : onTestFinished;
    finished(async () => {
      const lying = await folderOf(storeAt(at("repo")));
      if (lying !== null && (await objects.names("slots/")).length > 0) witness(lying, KEY);
    });
  }
  /** How the command names a place beside the repository. */
  const repo = (name = "repo") => addressOf(at(name));
  return { place, at, repo, objects, env, run, json, source, [Symbol.dispose]: dispose };
}
