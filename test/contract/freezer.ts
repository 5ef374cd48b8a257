/** What every freezer promises, run for every implementation on a file system that it is for. */
import { execFileSync, spawn } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Freezer } from "../../src/freeze/freezer.ts";
import { systemRuntime } from "../../src/index.ts";
import { differences, digest } from "../support/tree.ts";

const runtime = systemRuntime();

export interface FreezerPlace extends Disposable {
  /** A folder on a file system that the freezer is for, with room beside what is made in it. */
  readonly path: string;
}

/** Something of every kind that an ordinary user can make, and a device where root may. */
const TREE = `
mkdir -p deep/er/empty 'name with
line'
printf data > plain; ln plain deep/er/another; ln -s ../plain deep/link; mkfifo pipe
head -c 300000 /dev/urandom > big; truncate -s 5M sparse; printf end >> sparse
chmod 4751 plain; chmod 1777 deep; touch -d '2001-02-03 04:05:06.789' big deep/er
setfattr -n user.word -v value plain; setfacl -m u:12:rwx big; chattr +d plain || true
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
if [ "$(id -u)" = 0 ]; then mknod null c 1 3; chown 12:34 big; fi
touch -h -d '2001-02-03' deep/link deep .
`;

function source(path: string): string {
  const at = join(path, "sub", "data");
  mkdirSync(join(at, "deep"), { recursive: true });
  writeFileSync(join(at, "old"), "as it was");
  writeFileSync(join(at, "deep", "gone"), "goes");
  writeFileSync(join(at, "moved"), "moves");
  return at;
}

/** `still`: its View does not change; a live one does. */
export function freezerContract(
  freezer: Freezer,
  still: boolean,
  make: () => FreezerPlace | string,
): void {
  const found = make();
  const where = typeof found === "string" ? ` (left out: ${found})` : "";
  if (typeof found !== "string") found[Symbol.dispose]();
  if (where !== "" && process.env.HOLDALL_CI) throw new Error(`freezer ${freezer.kind}${where}`);

  describe.skipIf(where !== "")(`freezer: ${freezer.kind}${where}`, () => {
    const place = () => {
      const here = make();
      if (typeof here === "string") throw new Error(here);
      return here;
    };
    shows(freezer, still, place);
    provesAndDisposes(freezer, still, place);
  });
}

function shows(freezer: Freezer, still: boolean, place: () => FreezerPlace): void {
  it("shows every entry with its metadata, and disposes of all", async () => {
    using here = place();
    const at = join(here.path, "sub", "tree");
    mkdirSync(at, { recursive: true });
    execFileSync("sh", ["-eu", "-c", TREE], { cwd: at });
    const before = digest(at);
    {
      await using prepared = await freezer.prepare(runtime, [at], []);
      await using view = await prepared.cut([]);
      expect(differences(at, view.at(at))).toEqual([]);
      await view.prove();
    }
    expect(digest(at)).toBe(before);
    expect(readdirSync(join(here.path, "sub"))).toEqual(["tree"]);
  });

  it("shows what was there at the cut: changes since it was prepared, and none after", async () => {
    using here = place();
    const at = source(here.path);
    await sleep(60);
    await using prepared = await freezer.prepare(runtime, [at], []);
    writeFileSync(join(at, "old"), "AS IT IS!");
    writeFileSync(join(at, "new"), "new");
    rmSync(join(at, "deep", "gone"));
    renameSync(join(at, "moved"), join(at, "deep", "moved"));
    await using view = await prepared.cut([]);
    writeFileSync(join(at, "old"), "too late");
    rmSync(join(at, "new"));
    const read = (name: string) => readFileSync(join(view.at(at), name), "utf8");
    expect(view.still).toBe(still);
    expect(view.kindOf(at)).toBe(freezer.kind);
    if (!still) return;
    expect([read("old"), read("new"), read("deep/moved")]).toEqual(["AS IT IS!", "new", "moves"]);
    expect(readdirSync(join(view.at(at), "deep"))).toEqual(["moved"]);
  });

  it("shows stores to a mapped file, which move no time", async () => {
    using here = place();
    const at = source(here.path);
    const file = join(at, "old");
    const store = mapped(file);
    try {
      await store("B");
      await using prepared = await freezer.prepare(runtime, [at], [Buffer.from(file)]);
      await store("C");
      await using view = await prepared.cut([Buffer.from(file)]);
      expect(readFileSync(join(view.at(at), "old"), "utf8")).toBe("Cs it was");
    } finally {
      store.end();
    }
  });

  it("shows single files under the folder that they lie in", async () => {
    using here = place();
    const at = source(here.path);
    const files = ["old", "moved"].map((name) => join(at, name));
    await using prepared = await freezer.prepare(runtime, files, []);
    await using view = await prepared.cut([]);
    expect(files.map((f) => readFileSync(view.at(f), "utf8"))).toEqual(["as it was", "moves"]);
    expect(view.folders.map((f) => f.path)).toEqual(still ? [at, at] : []);
    for (const { view: instead } of view.folders) {
      const [own, other] = [at, instead].map((folder) => lstatSync(folder));
      expect([other?.mode, other?.mtimeMs]).toEqual([own?.mode, own?.mtimeMs]);
      expect(readFileSync(join(instead, "old"), "utf8")).toBe("as it was");
    }
  });
}

function provesAndDisposes(freezer: Freezer, still: boolean, place: () => FreezerPlace): void {
  it("proves that a source was replaced", async () => {
    using here = place();
    const at = source(here.path);
    await using prepared = await freezer.prepare(runtime, [at], []);
    await using view = await prepared.cut([]);
    await view.prove();
    renameSync(at, `${at}-before`);
    mkdirSync(at, { mode: 0o700 });
    await expect(view.prove()).rejects.toMatchObject({ code: "not_still" });
  });

  it("leaves nothing of what was prepared and never cut, nor of a killed run", async () => {
    using here = place();
    const at = source(here.path);
    const never = await freezer.prepare(runtime, [at], []);
    await never[Symbol.asyncDispose]();
    const abandoned = join(here.path, "sub", ".holdall-view-0000");
    mkdirSync(join(abandoned, "f0"), { recursive: true });
    writeFileSync(join(abandoned, "owner"), "1 1");
    const next = await freezer.prepare(runtime, [at], []);
    await next[Symbol.asyncDispose]();
    const left = readdirSync(join(here.path, "sub"));
    expect(left).toEqual(still ? ["data"] : [".holdall-view-0000", "data"]);
  });
}

const MAPPED = `
import mmap, sys
file = open(sys.argv[1], "r+b")
page = mmap.mmap(file.fileno(), 0)
for line in iter(sys.stdin.readline, ""):
    page[0:1] = line[0:1].encode()
    print("stored", flush=True)
`;

/** Another process stores a letter at a file's beginning through a mapping. */
function mapped(file: string): ((letter: string) => Promise<void>) & { end(): void } {
  const stdio = ["pipe", "pipe", "inherit"] as const;
  const { stdin, stdout } = spawn("python3", ["-c", MAPPED, file], { stdio: [...stdio] });
  // By lines: a line may come in two pieces, and half of one is no answer to the next letter.
  const answers = createInterface(stdout)[Symbol.asyncIterator]();
  const store = async (letter: string) => {
    stdin.write(`${letter}\n`);
    await answers.next();
  };
  return Object.assign(store, { end: () => stdin.end() });
}
