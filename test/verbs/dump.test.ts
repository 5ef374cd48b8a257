/** `dump` piped to GNU tar gives the tree that was saved, as far as tar can; `cat` its bytes. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { differences, erase, hostileTree, temporary } from "../support/tree.ts";
import { ACCESS, addressOf } from "../support/where.ts";

const MAIN = join(import.meta.dirname, "..", "..", ".build", "src", "cli", "main.js");
const TAR =
  "tar -x -p --same-owner --numeric-owner --acls --xattrs --xattrs-include='*' --delay-directory-restore";

describe("dump and cat", () => {
  it("agree with the tree", { timeout: 180_000 }, async () => {
    using place = temporary();
    const source = join(place.path, "source");
    hostileTree(source, 3);
    // Paths of more than PATH_MAX, inode flags, sockets and an ACL's order are beyond tar.
    for (const name of ["deep", "inodes", "attributes/acl-unsorted"]) erase(join(source, name));
    execFileSync("find", [source, "-type", "s", "-delete"]);
    const { save, secret } = await fixture(place.path);
    await save([source]);
    const key = join(place.path, "key");
    writeFileSync(key, secret.bytes.toString("hex"));
    const out = join(place.path, "out");
    mkdirSync(out);
    const holdall = (words: string) =>
      `node '${MAIN}' -r '${addressOf(join(place.path, "repo"))}' --keyfile '${key}' ${words}`;
    const env = { ...process.env, ...ACCESS };
    const shell = (line: string) =>
      execFileSync("bash", ["-o", "pipefail", "-c", line], {
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
    shell(`${holdall(`dump 'latest:${source}'`)} | ${TAR} -C '${out}'`);
    expect(differences(source, out, ["flags", "project"])).toEqual([]);
    for (const name of ["contents/big", "holes/middle", "holes/odd-end", "contents/size-0"]) {
      const hash = createHash("sha256")
        .update(readFileSync(join(source, name)))
        .digest("hex");
      const sum = shell(`${holdall(`cat 'latest:${source}/${name}'`)} | sha256sum`);
      expect(sum.toString().slice(0, 64), name).toBe(hash);
    }
    for (const name of ["specials", "specials/fifo", "links/dangling", "specials/char-0"])
      expect(() => shell(holdall(`cat 'latest:${source}/${name}'`)), name).toThrow(
        /not a file|folder/,
      );
    erase(source);
  });
});
