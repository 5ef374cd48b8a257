/** Restore never leaves its target, and does what an ordinary user may. */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { differences, digest, temporary } from "../support/tree.ts";
import { ACCESS, addressOf, BUCKET } from "../support/where.ts";

const LIBRARY = join(import.meta.dirname, "..", "..", ".build", "src", "index.js");

/** Folders of files, links and pipes that a restore has to make again. */
function source(root: string): void {
  for (const a of ["a", "b", "c"]) {
    mkdirSync(join(root, a, "deep", "er"), { recursive: true });
    for (let i = 0; i < 40; i++)
      writeFileSync(join(root, a, "deep", `f${i}`), `${a} ${i}`.repeat(i * 9));
    linkSync(join(root, a, "deep", "f3"), join(root, a, "deep", "er", "hard"));
    symlinkSync("f1", join(root, a, "deep", "soft"));
    execFileSync("mkfifo", [join(root, a, "pipe")]);
    chmodSync(join(root, a, "deep", "f2"), 0o4711);
  }
}

function outside(root: string): string {
  mkdirSync(join(root, "folder", "deep"), { recursive: true });
  writeFileSync(join(root, "folder", "deep", "f1"), "precious");
  writeFileSync(join(root, "file"), "precious too");
  return root;
}

describe("restore and a hostile target", () => {
  it.each([false, true])("changes nothing outside (--delete %s)", async (all) => {
    using place = temporary();
    const [from, out] = [join(place.path, "from"), join(place.path, "out")];
    source(from);
    const { save, bring, events } = await fixture(place.path);
    const { snapshot } = await save([from]);
    const far = outside(join(place.path, "outside"));
    mkdirSync(join(out, "b", "deep"), { recursive: true });
    symlinkSync(join(far, "folder"), join(out, "a"));
    linkSync(join(far, "file"), join(out, "b", "deep", "f5"));
    symlinkSync(join(far, "file"), join(out, "b", "deep", "f6"));
    symlinkSync("../chain", join(out, "b", "deep", "f7"));
    symlinkSync(join(far, "file"), join(out, "b", "chain"));
    execFileSync("mkfifo", [join(out, "b", "deep", "f8")]);
    symlinkSync(join(far, "folder"), join(out, "b", "deep", "er"));
    linkSync(join(far, "file"), join(out, "b", "pipe"));
    symlinkSync(far, join(out, "c"));
    symlinkSync(far, join(out, "unknown"));
    const content = () => execFileSync("tar", ["-c", "--sort=name", far], { stdio: "pipe" });
    const before = content();
    await bring(snapshot, from, out, { delete: all });
    expect(content().equals(before)).toBe(true);
    expect(readFileSync(join(far, "file"), "utf8")).toBe("precious too");
    expect(events.filter((e) => e.event === "trouble")).toEqual([]);
    const kept = ["b'/b/chain' is only in the second", "b'/unknown' is only in the second"];
    expect(differences(from, out)).toEqual(all ? [] : kept);
  });

  it("changes nothing outside while folders are swapped for links", {
    timeout: 60_000,
  }, async () => {
    using place = temporary();
    const [from, out] = [join(place.path, "from"), join(place.path, "out")];
    source(from);
    const { save, bring } = await fixture(place.path);
    const { snapshot } = await save([from]);
    const far = outside(join(place.path, "outside"));
    mkdirSync(out);
    const before = digest(far);
    const script = `import os, random, sys
r = random.Random(1)
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    at = r.choice(["a", "b", "c"])
    name = r.choice([at, at + "/deep", at + "/deep/er", at + "/deep/f9", at + "/pipe"])
    try:
        os.rename(name, "../aside")
        os.symlink(sys.argv[2] + r.choice(["/folder", "/file", ""]), name)
        for i in range(r.randrange(300)): pass
        os.remove(name)
        os.rename("../aside", name)
    except OSError:
        os.system("rm -rf ../aside") if os.path.lexists("../aside") else None
`;
    const racer = spawn("python3", ["-c", script, out, far], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      await new Promise((ready) => racer.stdout.once("data", ready));
      // What fails is said; only what lies outside counts here.
      for (let i = 0; i < 15; i++)
        await bring(snapshot, from, out, { delete: i % 2 === 0 }).catch(() => null);
    } finally {
      racer.kill("SIGKILL");
    }
    expect(digest(far)).toBe(before);
  });
});

describe("an ordinary user", () => {
  it("gets exact content, keeps what is his, and hears what cannot be", async () => {
    using place = temporary();
    const from = join(place.path, "from");
    source(from);
    execFileSync("chown", ["-R", "1234:1234", from]);
    execFileSync("mknod", [join(from, "device"), "c", "1", "3"]);
    for (const a of ["a", "b", "c"]) {
      chmodSync(join(from, a, "deep", "f2"), 0o4711);
      chmodSync(join(from, a), 0o2500);
    }
    const { save, secret } = await fixture(place.path);
    await save([from]);
    const key = join(place.path, "key");
    writeFileSync(key, secret.bytes);
    const out = join(place.path, "out");
    mkdirSync(out);
    const repo = join(place.path, "repo");
    execFileSync("chown", ["-R", "65534:65534", out, key, ...(BUCKET === null ? [repo] : [])]);
    chmodSync(place.path, 0o755);
    const text = JSON.stringify;
    const script = `process.setgroups([]); process.setgid(65534); process.setuid(65534);
      const { openRepository, openStore, restore, systemRuntime } = await import(${text(LIBRARY)});
      const { readFileSync } = await import("node:fs");
      const secret = { kind: "keyfile", bytes: readFileSync(${text(key)}) };
      const events = [];
      const runtime = systemRuntime({ emit: (e) => events.push(e) });
      const store = openStore(${text(addressOf(repo))});
      const repository = await openRepository(store, secret, runtime);
      const [snapshot] = (await repository.snapshots()).snapshots;
      const options = { path: Buffer.from(${text(from)}), target: ${text(out)}, workers: 2 };
      for (let i = 0; i < 2; i++) await restore(runtime, repository, snapshot, options);
      console.log(JSON.stringify(events.filter((e) => e.event === "trouble")));`;
    const said = execFileSync("node", ["--input-type=module", "-e", script], {
      env: { ...process.env, ...ACCESS },
      encoding: "utf8",
    });
    const troubles = JSON.parse(said) as { path: string; message: string }[];
    expect(troubles.map((t) => [t.path, t.message])).toEqual([
      [join(out, "device"), "make: operation not permitted"],
      [join(out, "device"), "make: operation not permitted"],
    ]);
    const found = differences(from, out, ["owner"]);
    // The set-id bits meant another user.
    expect(found).toEqual([
      ...["a", "b", "c"].map((a) => `b'/${a}/deep/f2': mode 0o4711 / 0o711`),
      "b'/device' is only in the first",
    ]);
  });
});
