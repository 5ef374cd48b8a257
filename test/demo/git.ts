/** The Git unit: commits are pushed, and fetched again, in Git's own protocol. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { payload } from "./chain.ts";
import { type Place, socketsOf } from "./place.ts";
import { rpc } from "./socket.ts";
import type { Unit } from "./unit.ts";

/**
 * Runs Git to its end, in a process group of its own: a driver that is told to stop finishes what
 * it has begun, and the signal is not for its children.
 */
function run(words: string[], env: NodeJS.ProcessEnv, input: string): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn("git", words, { env, detached: true });
    const [out, said]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (piece: Buffer) => out.push(piece));
    child.stderr.on("data", (piece: Buffer) => said.push(piece));
    // Whoever does not read its input ends with a status that tells why.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("error", fail);
    child.on("close", (status, signal) => {
      if (status === 0) return done(Buffer.concat(out).toString());
      const text = Buffer.concat(said).toString().trim();
      fail(new Error(`git ${words[0]} ended with ${signal ?? status}: ${text}`));
    });
  });
}

/** A repository of one client, in which what is pushed is made. */
function local(place: Place, context: string) {
  const path = mkdtempSync(join(tmpdir(), "demo-git-"));
  const env = {
    ...process.env,
    ...{ GIT_DIR: path, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
    ...{ GIT_ALLOW_PROTOCOL: "ext", GIT_TERMINAL_PROMPT: "0" },
  };
  const socket = join(socketsOf(place, "hero_foundry"), "git.sock");
  // `%G` makes Git itself ask for the repository; spaces in a word are written as `% `.
  const words = [join(place.root, "bin", "connect"), socket].map((w) => w.replaceAll(" ", "% "));
  const remote = (name: string) => `ext::${words.join(" ")} %G/${context}/${name}.git`;
  const git = (words: string[], input = "") => run(words, env, input);
  return { git, remote, path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;

/** One commit on a branch as `git fast-import` reads it. */
function commit(branch: string, n: number, text: string, first: boolean): string {
  return [
    `commit ${branch}`,
    `committer demo <demo@localhost> ${1_700_000_000 + n} +0000`,
    `${data(text)}${first ? "" : `from ${branch}^0\n`}M 100644 inline page.md`,
    data(text),
  ].join("\n");
}

/** What a whole check of the objects that were fetched finds. */
function broken(git: (words: string[]) => Promise<string>): Promise<string[]> {
  return git(["fsck", "--full", "--strict"]).then(
    () => [],
    (error: unknown) => [`fsck: ${String(error)}`],
  );
}

export const GIT_UNIT: Unit = {
  id: "hero_foundry/git",
  service: "hero_foundry",
  register: false,
  async prepare(place, contexts) {
    using daemon = rpc(join(socketsOf(place, "hero_foundry"), "rpc.sock"));
    for (const name of contexts) await daemon.call("context.create", { name });
  },
  async connect(place, context) {
    const repository = local(place, context);
    const { git, remote } = repository;
    await git(["init", "-q", "--bare", repository.path]);
    const begun = new Set<string>();
    return {
      async write({ chain, n }) {
        const branch = `refs/heads/${chain.name}`;
        const text = payload(chain.name, n);
        await git(["fast-import", "--quiet"], commit(branch, n, text, !begun.has(branch)));
        begun.add(branch);
        await git(["push", "-q", remote("work"), branch]);
      },
      async read(chain) {
        const branch = `refs/heads/${chain.name}`;
        const there = await git(["ls-remote", remote("work"), branch]);
        // A fork has no objects of its own: it answers while it finds those it borrows.
        await git(["fetch", "-q", remote("fork"), "+refs/heads/main:refs/fork"]);
        if (there === "") return { values: [], torn: [] };
        await git(["fetch", "-q", remote("work"), `+${branch}:${branch}`]);
        const log = await git(["log", "--reverse", "--format=%B%x00", branch]);
        const values = log.split("\0").map((one) => one.trim());
        return { values: values.filter((one) => one !== ""), torn: await broken(git) };
      },
      [Symbol.asyncDispose]: async () => repository[Symbol.dispose](),
    };
  },
};
