/** What a backup left out, and what is mounted in a tree: `--delete` takes neither for deleted. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { differences, temporary } from "../support/tree.ts";

const SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55\n";

function write(root: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

describe("restore --delete and what was left out", { timeout: 60_000 }, () => {
  it("keeps it, and what lies beside it, by every kind of rule", async () => {
    using place = temporary();
    const source = join(place.path, "source");
    write(source, {
      "plain/kept": "kept",
      "pattern/kept": "kept",
      "pattern/a.o": "excluded",
      "ignored/.ignore": "secret*\n",
      "ignored/secret1": "ignored",
      "ignored/deep/secret2": "ignored below",
      "cache/CACHEDIR.TAG": SIGNATURE,
      "cache/entry": "cached",
      "whole/cache/entry": "excluded with its folder",
    });
    const rules = { exclude: ["*.o", "/**/whole/cache"], ignoreFile: ".ignore" };
    const { save, bring, events } = await fixture(place.path);
    const { snapshot } = await save([source], { ...rules, excludeCaches: true });
    const added = ["", "plain", "pattern", "ignored", "ignored/deep", "cache", "whole"];
    for (const folder of added) writeFileSync(join(source, folder, "later"), "made later");
    await bring(snapshot, source, source, { delete: true });
    expect(events.filter((e) => e.event === "trouble")).toEqual([]);
    expect(readFileSync(join(source, "pattern", "a.o"), "utf8")).toBe("excluded");
    expect(readFileSync(join(source, "ignored", "secret1"), "utf8")).toBe("ignored");
    expect(readFileSync(join(source, "ignored", "deep", "secret2"), "utf8")).toBe("ignored below");
    expect(readFileSync(join(source, "cache", "entry"), "utf8")).toBe("cached");
    expect(existsSync(join(source, "whole", "cache", "entry"))).toBe(true);
    // Where nothing was left out, what the snapshot does not have goes.
    const left = added.filter((folder) => existsSync(join(source, folder, "later")));
    expect(left).toEqual(["pattern", "ignored", "ignored/deep", "cache", "whole"]);
  });

  it("forgets the mark when nothing is left out any more, and describes marked folders", async () => {
    using place = temporary();
    const source = join(place.path, "source");
    write(source, { "a/kept": "kept", "a/gone.o": "excluded" });
    const { save, bring } = await fixture(place.path);
    const first = await save([source], { exclude: ["*.o"] });
    execFileSync("chmod", ["700", join(source, "a")]);
    await bring(first.snapshot, source, source, { delete: true });
    expect(execFileSync("stat", ["-c", "%a", join(source, "a")], { encoding: "utf8" })).toBe(
      "755\n",
    );
    expect(readdirSync(join(source, "a"))).toEqual(["gone.o", "kept"]);
    const second = await save([source]);
    writeFileSync(join(source, "a", "later"), "made later");
    await bring(second.snapshot, source, source, { delete: true });
    expect(readdirSync(join(source, "a"))).toEqual(["gone.o", "kept"]);
  });

  it("holds for a saved path itself, and for what could not be read", async () => {
    using place = temporary();
    const source = join(place.path, "source");
    write(source, { kept: "kept", "gone.o": "excluded" });
    const { save, bring } = await fixture(place.path);
    const { snapshot } = await save([source], { exclude: ["*.o"] });
    await bring(snapshot, source, source, { delete: true });
    await bring(snapshot, "/", "/", { delete: true });
    expect(readdirSync(source)).toEqual(["gone.o", "kept"]);
  });
});

/** A tree in which a tmpfs and folders of the same file system are mounted, until it goes. */
function mounted(root: string): { source: string } & Disposable {
  const source = join(root, "source");
  for (const name of ["bind", "below/bind"])
    write(join(root, "elsewhere", name), { bound: "bound", "deep/er": "bound deeper" });
  write(source, { file: "a file", "below/file": "another" });
  for (const name of ["memory", "bind", "below/bind"]) mkdirSync(join(source, name));
  const run = (command: string, ...rest: string[]) =>
    execFileSync(command, rest, { stdio: "pipe" });
  run("mount", "-t", "tmpfs", "-o", "size=1m", "holdall", join(source, "memory"));
  write(join(source, "memory"), { volatile: "in memory", "deep/er": "deeper" });
  for (const name of ["bind", "below/bind"])
    run("mount", "--bind", join(root, "elsewhere", name), join(source, name));
  return {
    source,
    [Symbol.dispose]() {
      for (const name of ["memory", "bind", "below/bind"]) run("umount", join(source, name));
    },
  };
}

describe("mounts in a tree", { timeout: 60_000 }, () => {
  it("are part of it, and lose what the snapshot does not have", async () => {
    using place = temporary();
    using tree = mounted(place.path);
    const out = join(place.path, "out");
    const { save, bring, events } = await fixture(place.path);
    const { snapshot } = await save([tree.source]);
    await bring(snapshot, tree.source, out);
    expect(differences(tree.source, out)).toEqual([]);
    for (const name of ["memory", "bind"])
      writeFileSync(join(tree.source, name, "later"), "made later");
    await bring(snapshot, tree.source, tree.source, { delete: true });
    expect(events.filter((e) => e.event === "trouble")).toEqual([]);
    expect(differences(tree.source, out)).toEqual([]);
  });

  it("of another file system are left out when asked, and keep all they have", async () => {
    using place = temporary();
    using tree = mounted(place.path);
    const out = join(place.path, "out");
    const { save, bring } = await fixture(place.path);
    const { snapshot } = await save([tree.source], { oneFileSystem: true });
    await bring(snapshot, tree.source, out);
    expect(readdirSync(join(out, "memory"))).toEqual([]);
    expect(readFileSync(join(out, "bind", "bound"), "utf8")).toBe("bound");
    await bring(snapshot, tree.source, tree.source, { delete: true });
    expect(readFileSync(join(tree.source, "memory", "volatile"), "utf8")).toBe("in memory");
    expect(readFileSync(join(tree.source, "memory", "deep", "er"), "utf8")).toBe("deeper");
  });

  it("are not emptied where a folder is to go, or was empty, or a file is to be", async () => {
    using place = temporary();
    const plain = join(place.path, "source");
    write(plain, { file: "a file", bind: "a file where something is mounted later" });
    mkdirSync(join(plain, "memory"));
    const { save, bring, events } = await fixture(place.path);
    const { snapshot } = await save([plain]);
    execFileSync("rm", ["-r", plain]);
    using tree = mounted(place.path);
    await bring(snapshot, plain, plain, { delete: true });
    // Empty in the snapshot: the place where something is mounted now.
    expect(readFileSync(join(tree.source, "memory", "volatile"), "utf8")).toBe("in memory");
    for (const path of ["bind/bound", "bind/deep/er", "below/bind/bound", "below/bind/deep/er"])
      expect(existsSync(join(place.path, "elsewhere", path)), path).toBe(true);
    expect(events.filter((e) => e.event === "trouble").map((e) => e.path)).toEqual([
      join(plain, "below"),
      join(plain, "bind"),
    ]);
  });
});
