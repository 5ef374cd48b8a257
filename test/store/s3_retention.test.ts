/** Object Lock under backups and prunes, on two real servers. */
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  backup,
  forget,
  type HoldallEvent,
  hex,
  init,
  openRepository,
  prune,
  systemRuntime,
} from "../../src/index.ts";
import { all } from "../support/outcome.ts";
import { fresh, onServers } from "../support/s3server.ts";
import { temporary } from "../support/tree.ts";

onServers((server) => {
  it("keeps what a new snapshot relies on as long as the snapshot, and prune waits for it", async () => {
    using place = temporary();
    const at = (part: string) => join(place.path, part);
    mkdirSync(at("source"));
    writeFileSync(at("source/a"), randomBytes(100_000));
    const system = systemRuntime();
    let ahead = 0;
    const clock = { ...system.clock, now: () => Date.now() + ahead };
    const warnings: string[] = [];
    const emit = (event: HoldallEvent) => {
      if (event.event === "warning") warnings.push(event.message);
    };
    const runtime = { ...system, clock, emit };
    const settings = { lockDays: 1 } as const;
    const store = server().open(fresh("locked"), { settings, runtime });
    const secret = { kind: "keyfile", bytes: randomBytes(32) } as const;
    await init(runtime, store, secret);
    const cache = at("cache");
    const save = async () => {
      const repository = await openRepository(store, secret, runtime, { cache });
      const paths = [Buffer.from(at("source"))];
      await backup(runtime, repository, { paths, host: "test", workers: 1, tool: "test" });
      return repository;
    };
    const locks = async (...folders: string[]) => {
      const names = (await Promise.all(folders.map((f) => all(store, f)))).flat();
      return new Map(
        await Promise.all(names.map(async (n) => [n, await store.lockedUntil(n)] as const)),
      );
    };
    await save();
    const packs = await locks("packs/");
    const keys = await locks("slots/", "keys/", "config/");
    expect(packs.size).toBeGreaterThan(0);
    for (const [name, until] of packs) expect(until, name).toBeGreaterThan(Date.now());
    // Servers refuse requests of clocks that differ by more than a quarter of an hour.
    ahead = 600_000;
    await save();
    const later = await locks("packs/");
    for (const [name, until] of packs) expect(later.get(name), name).toBeGreaterThan(until);
    // What this client knows to be locked for long enough costs no request.
    expect(await locks("slots/", "keys/", "config/")).toEqual(keys);

    rmSync(at("source/a"));
    writeFileSync(at("source/b"), randomBytes(100_000));
    const repository = await save();
    const { snapshots } = await repository.snapshots();
    const ids = snapshots.slice(0, -1).map((s) => hex(s.id));
    await forget(runtime, repository, { snapshots: ids });
    const before = (await all(store, "packs/")).length;
    const pruned = await prune(runtime, repository, { maxUnused: 0, wait: 0, fenceAfter: 0 });
    expect(pruned.waiting).toBe(1);
    expect(warnings.join("\n")).toMatch(/(snapshots|packs)\/\S+: is locked until \d{4}-/);
    expect((await all(store, "packs/")).length).toBeGreaterThanOrEqual(before);
  }, 60_000);
});
