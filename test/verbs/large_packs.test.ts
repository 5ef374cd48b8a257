/**
 * Packs of more than 16 MiB, which wait on a disk: saved, restored, scrubbed, copied whole and made
 * anew like any others; and what is left of them when the writer is killed or that disk is full.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { check, forget, hex, prune, type Repository, type Store } from "../../src/index.ts";
import { Oracle } from "../oracle/reader.ts";
import { download } from "../support/bucket.ts";
import { MAIN, world } from "../support/command.ts";
import { fileSystem } from "../support/mounts.ts";
import { noise } from "../support/noise.ts";
import { pair } from "../support/pair.ts";
import { comes } from "../support/processes.ts";
import { fresh, onServers } from "../support/s3server.ts";
import { NOW } from "../support/sourced.ts";
import { differences, temporary } from "../support/tree.ts";
import { BUCKET, folderOf, storeAt } from "../support/where.ts";

vi.setConfig({ testTimeout: 120_000 });

const MIB = 1 << 20;

/** Files of 1 MiB that do not compress, up to this number. */
function fillWith(folder: string, files: number, from = 0): void {
  mkdirSync(folder, { recursive: true });
  for (let i = from; i < files; i++) writeFileSync(join(folder, `${i}`), noise(i, MIB));
}

/** MiB of each pack of data, the largest first. */
async function sizes(store: Store): Promise<number[]> {
  const found: number[] = [];
  for await (const { length } of store.list("packs/")) found.push(length / MIB);
  return found.filter((n) => n > 1).sort((a, b) => b - a);
}

/** Packs of about so many MiB. */
const about = (expected: readonly number[]) => (found: readonly number[]) =>
  found.length === expected.length &&
  found.every((n, i) => Math.abs(n - (expected[i] ?? 0)) <= 2.5);

async function problemsOf(p: Awaited<ReturnType<typeof pair>>, repository: Repository) {
  const { problems, packs, packsRead } = await check(p.runtime, repository, { read: 1 });
  expect(packsRead).toBe(packs);
  return problems;
}

it("are restored, scrubbed, copied whole, and repacked", async () => {
  using place = temporary();
  const p = await pair(place.path);
  fillWith(p.source, 52);
  const first = (await p.save([p.source], { packSize: 32 })).snapshot;
  expect(await sizes(p.store)).toSatisfy(about([31, 22]));
  expect(await problemsOf(p, await p.open())).toEqual([]);

  const there = await p.make("replica");
  expect((await p.copy("replica", there)).problems).toEqual([]);
  expect(await sizes(there)).toEqual(await sizes(p.store));
  const replica = await p.openOther("replica", there);
  expect(await problemsOf(p, replica)).toEqual([]);
  const out = join(place.path, "out");
  expect((await p.back(replica, first, p.source, out)).troubles).toBe(0);
  expect(differences(p.source, out)).toEqual([]);
  const lying = (await folderOf(there)) ?? "";
  expect(new Oracle(lying, p.secret, MIB).problems).toEqual([]);

  for (let i = 0; i < 52; i += 3) rmSync(join(p.source, `${i}`));
  const second = (await p.save([p.source], { packSize: 32 })).snapshot;
  await forget(p.runtime, await p.open(), { snapshots: [hex(first.id)] });
  const pruned = await prune(p.runtime, await p.open(), { ...NOW, maxUnused: 0, packSize: 64 });
  expect(pruned.plan.repackedPacks).toBe(2);
  expect(await sizes(p.store)).toSatisfy(about([34]));
  expect(await problemsOf(p, await p.open())).toEqual([]);
  rmSync(out, { recursive: true });
  // The independent reader reads the same of it.
  expect((await p.bring(second, p.source, out)).troubles).toBe(0);
  expect(differences(p.source, out)).toEqual([]);
});

it("are told by their name when they are damaged, and not copied as they are", async () => {
  using place = temporary();
  const p = await pair(place.path);
  fillWith(p.source, 20);
  await p.save([p.source], { packSize: 32 });
  const [pack] = (await (await p.open()).list("pack")).filter(({ length }) => length > 16 * MIB);
  const name = pack?.name ?? "";
  // Of all its bytes the first and the last are of headers, the others of blocks.
  for (const at of [0, 18 * MIB, (pack?.length ?? 0) - 1]) {
    const flip = () => p.objects.change(name, (b) => b.writeUInt8(b.readUInt8(at) ^ 1, at));
    await flip();
    const found = await problemsOf(p, await p.open());
    expect(found.map(({ object }) => object)).toContain(name);
    const there = await p.make("replica", storeAt(join(place.path, `there ${at}`)));
    const { problems, copied } = await p.copy("replica", there);
    expect(problems.map(({ object }) => object)).toContain(`pack ${name.split("/").at(-1)}`);
    // What no block of it lost is brought over chunk by chunk.
    expect(copied.length).toBe(at === 18 * MIB ? 0 : 1);
    await flip();
  }
  expect(await problemsOf(p, await p.open())).toEqual([]);

  // Whole, but under another name.
  const other = name.replace(/.-/, (end) => (end === "0-" ? "1-" : "0-"));
  await p.objects.write(other, await p.objects.read(name));
  await p.objects.remove(name);
  const [renamed] = (await problemsOf(p, await p.open())).filter(({ object }) => object === other);
  expect(renamed?.message).toMatch(/does not hold the bytes its name says$/);
});

/** Beside folders: who lives in a bucket meets parts everywhere. */
const beside = BUCKET === null ? onServers : () => undefined;
beside((server) => {
  it("go into a bucket in parts and whole, and from one into another", async () => {
    using place = temporary();
    const store = server().store(fresh());
    const p = await pair(place.path, store);
    fillWith(p.source, 34);
    await p.save([p.source], { packSize: 64 });
    fillWith(p.source, 52, 34);
    const { snapshot } = await p.save([p.source], { packSize: 32 });
    // The larger went in parts, the other whole.
    expect(await sizes(store)).toSatisfy(about([34, 18]));
    const out = join(place.path, "out");
    expect((await p.bring(snapshot, p.source, out)).troubles).toBe(0);
    expect(differences(p.source, out)).toEqual([]);
    expect(await problemsOf(p, await p.open())).toEqual([]);

    const there = await p.make("replica", server().store(fresh()));
    expect((await p.copy("replica", there)).problems).toEqual([]);
    expect(await sizes(there)).toEqual(await sizes(store));
    expect(await download(there, join(place.path, "copy"))).toEqual([]);
    expect(new Oracle(join(place.path, "copy"), p.secret, MIB).problems).toEqual([]);
  });
});

/** Starts a backup with packs of 128 MiB, and waits until one of them lies on the disk. */
async function spooling(env: NodeJS.ProcessEnv, source: string) {
  const args = [MAIN, "backup", "--pack-size", "128", source];
  const child = spawn(process.execPath, args, { env, stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const files = `/proc/${child.pid}/fd`;
  const isSpool = (fd: string) => {
    try {
      return /cache.*\(deleted\)$/.test(readlinkSync(join(files, fd)));
    } catch {
      return false;
    }
  };
  const seen = await comes(() => {
    try {
      return readdirSync(files).some(isSpool);
    } catch {
      return false;
    }
  }, 30_000);
  return { child, ended, seen };
}

it("leave nothing when their writer is killed", async () => {
  using w = world();
  expect(w.run(["init"]).status).toBe(0);
  fillWith(w.source, 60);
  const { child, ended, seen } = await spooling(w.env, w.source);
  child.kill("SIGKILL");
  await ended;
  expect(seen).toBe(true);
  const left = readdirSync(w.at(".cache"), { recursive: true, withFileTypes: true });
  expect(left.filter((f) => f.isFile() && !/^(heads|slot|[0-9a-f-]{97})$/.test(f.name))).toEqual(
    [],
  );
  expect(w.json(["backup", "--pack-size", "128", w.source])).toMatchObject({ troubles: 0 });
  expect(w.run(["check", "--read"]).status).toBe(0);
});

it("say in one line when the disk that they wait on is full, and store no part", async ({
  skip,
}) => {
  const opened = fileSystem("tmpfs", "12m");
  using disk = typeof opened === "string" ? skip(opened) : opened;
  using w = world();
  expect(w.run(["init"]).status).toBe(0);
  fillWith(w.source, 18);
  const env = { HOLDALL_CACHE: disk.path };
  const { status, err } = w.run(["backup", "--pack-size", "32", "-q", w.source], { env });
  expect(status).toBe(1);
  const said = "spooling a pack: no space left on device; packs of --pack-size 16 need no spool";
  const [first = "", second, ...more] = err.split("\n");
  expect([first.endsWith(said), second?.trim().startsWith("free some space"), more]).toEqual([
    true,
    true,
    [""],
  ]);
  expect(await w.objects.names("packs/")).toEqual([]);
  const rest = w.json(["backup", "--pack-size", "16", w.source], { env });
  expect(rest).toMatchObject({ event: "snapshot", troubles: 0 });
});
