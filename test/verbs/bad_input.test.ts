/**
 * Bad input as people meet it, through the command: one clear line that names the object, the
 * documented status, nothing lost, and what does not need the broken part still works.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { init, systemRuntime } from "../../src/index.ts";
import { native } from "../../src/seam/native.ts";
import { withoutRequests } from "../support/command.ts";
import { differences, temporary } from "../support/tree.ts";
import { ACCESS, addressOf, BUCKET, type Objects, objectsOf, storeAt } from "../support/where.ts";

const MAIN = join(import.meta.dirname, "../../.build/bin/holdall.js");
const ROOT = process.getuid?.() === 0;
// Each test runs the command a dozen times, on machines that do other things, too.
vi.setConfig({ testTimeout: 120_000 });
const SEED = Number(process.env.SEED ?? 5);

/** The last line of `--json`, which tells the result. */
const lastLine = (out: string) =>
  JSON.parse(out.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;

/** A repository with two snapshots: `a` is only in packs of the first, `b` only in the second's. */
async function world() {
  const place = temporary();
  const at = (name: string) => join(place.path, name);
  writeFileSync(at("key"), "5a".repeat(32));
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? "",
    HOME: place.path,
    HOLDALL_REPOSITORY: addressOf(at("repo")),
    HOLDALL_KEYFILE: at("key"),
    ...ACCESS,
  };
  const run = (args: string[], more: Record<string, string> = {}, before: string[] = []) => {
    const [program = "", ...rest] = [...before, process.execPath, MAIN, ...args];
    const r = spawnSync(program, rest, { env: { ...env, ...more }, encoding: "utf8", input: "" });
    return { status: r.status, out: r.stdout, err: r.stderr };
  };
  const secret = { kind: "keyfile", bytes: Buffer.alloc(32, 0x5a) } as const;
  const store = storeAt(at("repo"));
  await init(systemRuntime(), store, secret);
  const source = at("source");
  mkdirSync(source);
  const objects = objectsOf(store);
  /** Changes objects, and drops what this client keeps of them: that is as it was. */
  const harm = async (names: readonly string[], by: (name: string) => Promise<void>) => {
    for (const name of names) await by(name);
    rmSync(at(".cache"), { recursive: true, force: true });
  };
  const save = async (name: string) => {
    const before = new Set(await objects.names());
    writeFileSync(join(source, name), `${name} `.repeat(9000));
    const { status, out, err } = run(["backup", source, "--json"]);
    expect(status, err).toBe(0);
    const made = (await objects.names()).filter((path) => !before.has(path));
    return { id: lastLine(out).id as string, made };
  };
  const first = await save("a");
  const second = await save("b");
  const restored = () => run(["restore", `latest:${source}`, "--to", at("out")]);
  return { place, at, env, run, source, objects, harm, first, second, restored };
}

/** One line that says what is wrong with what, and at most one that says what to do. */
function clear(err: string, names: RegExp): void {
  const lines = err.trimEnd().split("\n");
  expect(lines.at(-1), err).toMatch(/^ {2}\S|^holdall: /);
  expect(lines.filter((l) => l.startsWith("holdall: "))).toHaveLength(1);
  expect(lines.find((l) => l.startsWith("holdall: "))).toMatch(names);
  expect(err).not.toMatch(/ {4}at |internal|undefined/);
}

const flip = (bytes: Buffer, at = bytes.length >> 1) =>
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);

/** Changes a stored object and gives it the name that its new bytes ask for, as an enemy can. */
async function forge(of: Objects, name: string, change: (b: Buffer) => unknown): Promise<void> {
  const bytes = await of.read(name);
  change(bytes);
  await of.remove(name);
  const [folder] = name.split("/");
  await of.write(
    `${folder}/${native.contentHash(bytes)}${name.slice(name.lastIndexOf("-"))}`,
    bytes,
  );
}

describe("a repository that cannot be opened", () => {
  it("says why: no repository, another folder, another secret", async () => {
    const { place, at, run } = await world();
    using _ = place;
    const missing = run(["snapshots"], { HOLDALL_REPOSITORY: addressOf(at("nowhere")) });
    expect(missing.status).toBe(10);
    clear(missing.err, /nowhere/);
    const photos = objectsOf(storeAt(at("photos")));
    await photos.write("cat.jpg", Buffer.from("cat"));
    const other = run(["snapshots"], { HOLDALL_REPOSITORY: addressOf(at("photos")) });
    expect(other.status).toBe(10);
    clear(other.err, /photos/);
    writeFileSync(at("wrong"), "5b".repeat(32));
    const wrong = run(["snapshots"], { HOLDALL_KEYFILE: at("wrong") });
    expect(wrong.status).toBe(12);
    clear(wrong.err, /repo.*key/);
    expect(await photos.names()).toEqual(["cat.jpg"]);
  });

  it("says so of a newer format and of costs beyond the ceiling", async () => {
    const { place, at, run, objects, harm } = await world();
    using _ = place;
    await harm(await objects.names("slots/"), (slot) =>
      forge(objects, slot, (bytes) => bytes.writeUInt8(2, 7)),
    );
    const newer = run(["snapshots"]);
    expect(newer.status).toBe(11);
    clear(newer.err, /format version 2/);
    const secret = { kind: "passphrase", bytes: Buffer.from("word") } as const;
    const cost = { memoryKiB: 64 << 10, passes: 3, lanes: 4 };
    const other = storeAt(at("dear"));
    await init(systemRuntime(), other, secret, cost);
    const costs = Buffer.from([0xce, 0, 1, 0, 0]);
    const dear = objectsOf(other);
    for (const name of await dear.names("slots/")) {
      if (!(await dear.read(name)).includes(costs)) continue;
      await forge(dear, name, (b) => b.writeUInt32BE(0x7fffffff, b.indexOf(costs) + 1));
    }
    const there = { HOLDALL_REPOSITORY: addressOf(at("dear")) };
    const costly = run(["snapshots", "--passphrase-command", "echo word"], there);
    expect(costly.status).toBe(11);
    clear(costly.err, /above the ceiling/);
  });

  it("names a damaged slot, config and key", async () => {
    for (const kind of ["slots", "config", "keys"]) {
      const { place, run, objects, harm } = await world();
      using _ = place;
      await harm(await objects.names(`${kind}/`), (name) => objects.change(name, flip));
      const { status, err } = run(["restore", "latest", "--to", join(place.path, "out")]);
      expect(status, err).toBe(13);
      expect(err).toMatch(kind === "keys" ? /key/ : new RegExp(kind));
    }
  });
});

describe("one damaged object", () => {
  it.each(["flip", "truncate", "remove"])("pack (%s): all else is restored", async (how) => {
    const { place, at, run, objects, harm, first, source, restored } = await world();
    using _ = place;
    const packs = first.made.filter((name) => name.startsWith("packs/"));
    await harm(packs, async (name) => {
      if (how === "remove") return objects.remove(name);
      const bytes = await objects.read(name);
      if (how === "flip") for (let i = 90; i < bytes.length; i += 64) flip(bytes, i);
      return objects.write(name, how === "flip" ? bytes : bytes.subarray(0, 1000));
    });
    const { status, err } = restored();
    expect(status, err).not.toBe(0);
    expect(err).toMatch(/\ba\b.*(pack|chunk)/);
    expect(readFileSync(at("out/b"))).toEqual(readFileSync(join(source, "b")));
    const checked = run(["check", "--read"]);
    expect(checked.status).toBe(13);
    // A pack that is known to be gone is made again by the next backup.
    if (how === "flip") return;
    expect(run(["backup", source]).status).toBe(0);
    expect(restored().status).toBe(0);
    expect(differences(source, at("out"))).toEqual([]);
  });

  it("index run: what it said comes from the packs", async () => {
    const { place, at, source, objects, harm, restored, run } = await world();
    using _ = place;
    await harm(await objects.names("index/"), (name) => objects.change(name, flip));
    expect(restored()).toMatchObject({ status: 0 });
    expect(differences(source, at("out"))).toEqual([]);
    expect(run(["check"]).out).toMatch(/index\/.*does not hold the bytes/);
  });

  it("snapshot: latest refuses and lists, ids work, a backup takes another parent", async () => {
    const { place, at, run, objects, harm, first, second, source } = await world();
    using _ = place;
    const records = second.made.filter((name) => name.startsWith("snapshots/"));
    await harm(records, (name) => objects.change(name, flip));
    const refused = run(["restore", "latest", "--to", at("out")]);
    expect(refused.status).toBe(13);
    clear(refused.err, new RegExp(`latest.*snapshots/.*${first.id.slice(0, 8)}`));
    expect(run(["restore", `${first.id}:${source}`, "--to", at("one")]).status).toBe(0);
    expect(readdirSync(at("one"))).toEqual(["a"]);
    expect(run(["snapshots"]).status).toBe(13);
    const saved = run(["backup", source, "--json"]);
    expect(saved.status).toBe(0);
    expect(lastLine(saved.out)).toMatchObject({ event: "snapshot", parent: first.id });
    expect(saved.err + saved.out).toMatch(/cannot be read/);
  });
});

/** Runs while something is mounted there. */
async function mounted<T>(path: string, options: string[], act: () => Promise<T> | T): Promise<T> {
  mkdirSync(path, { recursive: true });
  execFileSync("mount", [...options, path]);
  try {
    return await act();
  } finally {
    execFileSync("umount", [path]);
  }
}

/** Writes files of one page until no more fits. */
function fill(folder: string): void {
  for (let i = 0; ; i++) {
    try {
      writeFileSync(join(folder, `filler${i}`), Buffer.alloc(4096));
    } catch {
      return;
    }
  }
}

/** A disk that a repository and what is restored lie on. */
const DISK = ROOT && BUCKET === null;
describe.runIf(DISK)("a place that cannot be written (a folder; needs root for mounts)", () => {
  it("full disk: said in one line by backup, init and restore; the next run works", async () => {
    const { place, at, run, source, env } = await world();
    using _ = place;
    const small = at("small");
    await mounted(small, ["-t", "tmpfs", "-o", "size=2m", "tmpfs"], () => {
      execFileSync("cp", ["-a", env.HOLDALL_REPOSITORY ?? "", join(small, "repo")]);
      writeFileSync(join(source, "huge"), randomBytes(3 << 20));
      const inside = { HOLDALL_REPOSITORY: join(small, "repo") };
      const full = run(["backup", source], inside);
      expect(full.status).toBe(1);
      clear(full.err, /packs\/.*no space left/);
      expect(JSON.parse(run(["snapshots", "--json"], inside).out)).toHaveLength(2);
      rmSync(join(source, "huge"));
      expect(run(["backup", source], inside).status).toBe(0);
      const out = run(["restore", `latest:${source}`, "--to", at("out")], inside);
      expect(out.status).toBe(0);
      expect(differences(source, at("out"))).toEqual([]);
      fill(small);
      const made = run(["init"], { HOLDALL_REPOSITORY: join(small, "new") });
      expect(made.status).toBe(1);
      clear(made.err, /no space left/);
      const back = run(["restore", "latest", "--to", join(small, "back")], inside);
      expect(back.status).toBe(3);
      expect(back.err).toMatch(/no space left/);
      for (const name of readdirSync(small)) if (/^filler/.test(name)) rmSync(join(small, name));
      expect(run(["init"], { HOLDALL_REPOSITORY: join(small, "new") }).status).toBe(0);
      expect(run(["restore", "latest", "--to", join(small, "back")], inside).status).toBe(0);
    });
  });

  it("read-only file system: backup refuses, restore works", async () => {
    const { place, at, run, source } = await world();
    using _ = place;
    await mounted(at("ro"), ["-o", "bind,ro", at("repo")], () => {
      const inside = { HOLDALL_REPOSITORY: at("ro") };
      const refused = run(["backup", source], inside);
      expect(refused.status).toBe(1);
      clear(refused.err, /claims\/.*read-only/);
      expect(run(["restore", `latest:${source}`, "--to", at("out")], inside).status).toBe(0);
      expect(differences(source, at("out"))).toEqual([]);
    });
  });

  it("permission denied: of the repository refuses, of a source is status 3", async () => {
    const { place, at, run, source } = await world();
    using _ = place;
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    // Who may only enter the folder above saves what lies below it all the same.
    chmodSync(place.path, 0o711);
    chmodSync(at("key"), 0o644);
    const denied = run(["snapshots"], {}, nobody);
    expect(denied.status).toBe(1);
    clear(denied.err, /permission denied/);
    execFileSync("chown", ["-R", "65534:65534", at("repo")]);
    chmodSync(join(source, "a"), 0o600);
    const partly = run(["backup", source], {}, nobody);
    expect(partly.status).toBe(3);
    expect(partly.err).toMatch(/\/a: .*permission denied/);
    expect(run(["ls", "-R", "latest"]).out).toMatch(/\/b\n/);
  });
});

describe("an interruption", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "by %s at any moment: 130, nothing half",
    {
      timeout: 120_000,
    },
    async (signal) => {
      const { place, at, run, source, env } = await world();
      using _ = place;
      let x = SEED;
      let interrupted = 0;
      // Moments are shares of what one backup takes here, so a fast machine is met in time, too.
      const started = performance.now();
      expect(run(["backup", source]).status).toBe(0);
      const whole = performance.now() - started;
      for (let round = 0; round < 8; round++) {
        const fresh = Buffer.alloc(6 << 20).map((_, i) => (i * (round + 7)) ^ (i >> 7));
        writeFileSync(join(source, "fresh"), fresh);
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        const after = (x / 2 ** 32) * whole;
        const child = spawn(process.execPath, [MAIN, "backup", source], { env, stdio: "ignore" });
        const timer = setTimeout(() => child.kill(signal), after);
        const [status, by] = await new Promise<[number | null, string | null]>((resolve) =>
          child.on("exit", (code, s) => resolve([code, s])),
        );
        clearTimeout(timer);
        // Before the command has begun to listen, the signal itself ends it.
        expect([0, 130, null], `seed ${SEED}, round ${round}, ${by}`).toContain(status);
        if (status !== 0) interrupted++;
        expect(run(["snapshots"]).status).toBe(0);
      }
      expect(interrupted).toBeGreaterThan(0);
      expect(run(["backup", source]).status).toBe(0);
      expect(run(["check", "--read"]).status).toBe(0);
      expect(run(["restore", `latest:${source}`, "--to", at("out")]).status).toBe(0);
      expect(differences(source, at("out"))).toEqual([]);
    },
  );

  it("a reader that goes away and a closed input are ordinary", async () => {
    const { place, run, source, env } = await world();
    using _ = place;
    for (let i = 0; i < 3000; i++) writeFileSync(join(source, `many-${i}`), "");
    expect(run(["backup", source]).status).toBe(0);
    const shell = (line: string) =>
      spawnSync("bash", ["-c", line, process.execPath, MAIN], { env, encoding: "utf8" });
    const piped = shell('"$0" "$1" ls -R latest | head -1; echo $PIPESTATUS');
    expect(piped.stdout.trim().split("\n").at(-1)).toBe("0");
    expect(withoutRequests(piped.stderr)).toBe("");
    const closed = shell('"$0" "$1" snapshots --json <&-');
    expect(closed.status, closed.stderr).toBe(0);
    const dumped = shell('"$0" "$1" dump latest | head -c 100 >/dev/null; echo $PIPESTATUS');
    expect(dumped.stderr).not.toMatch(/internal|panick/);
  });
});
