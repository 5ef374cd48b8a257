/**
 * What cannot be read counts as the careful thing, what nobody who may has put counts as nothing,
 * and where something is already lost nothing more is taken away.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { encodeFence } from "../../src/format/claim.ts";
import { encodeCondemned, encodeTombstone } from "../../src/format/condemned.ts";
import { backup, check, forget, hex, openRepository, prune, type Store } from "../../src/index.ts";
import { type Kind, objectPath } from "../../src/repo/layout.ts";
import { native } from "../../src/seam/native.ts";
import { noise } from "../support/noise.ts";
import { NOW, sourced } from "../support/sourced.ts";
import { newStore } from "../support/where.ts";

vi.setConfig({ testTimeout: 60_000 });

async function world() {
  const made = await sourced(newStore());
  made.write("gone", 1);
  const first = await made.save([made.source]);
  /** Packs which nothing needs once the first backup is forgotten. */
  const old = await made.names("packs/");
  rmSync(join(made.source, "gone"));
  made.write("kept", 2);
  const second = await made.save([made.source]);
  /** Bytes that no key opens, under a name that fits them. */
  const garbage = async (kind: Kind, id: string) => {
    const bytes = noise(9, 512);
    const path = objectPath(kind, `${native.contentHash(bytes)}-${id}`);
    await made.objects.write(path, bytes);
    return path;
  };
  /** A record that lacks the admin key's tag, sealed under the key that every writer holds. */
  const forged = async (kind: Kind, content: Buffer, id: Buffer) => {
    const { keyring } = await made.open();
    const { name, bytes } = keyring.seal(kind, content, id);
    await made.objects.write(objectPath(kind, name), bytes);
  };
  const bare = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  return { ...made, old, first, second, garbage, forged, bare };
}

describe("a record that cannot be read", () => {
  it("of a snapshot: no prune, no policy", async () => {
    const w = await world();
    using _ = w.place;
    await forget(w.runtime, await w.open(), { snapshots: [hex(w.first.snapshot.id)] });
    const path = await w.garbage("snapshot", "cd".repeat(16));
    const before = await w.objects.names();
    const code = { code: "snapshots_unreadable" };
    await expect(prune(w.runtime, await w.open(), NOW)).rejects.toMatchObject(code);
    const policy = { policy: { last: 1 } };
    await expect(forget(w.runtime, await w.open(), policy)).rejects.toMatchObject(code);
    expect(await w.objects.names()).toEqual(before);
    await w.objects.remove(path);
    expect(await prune(w.runtime, await w.open(), NOW)).toMatchObject({ snapshots: 1 });
  });

  it("of a snapshot that comes between condemning and sweeping: nothing goes", async () => {
    const w = await world();
    using _ = w.place;
    await forget(w.runtime, await w.open(), { snapshots: [hex(w.first.snapshot.id)] });
    const packs = await w.names("packs/");
    const store = onPut(w.store, "condemned/", () => w.garbage("snapshot", "cd".repeat(16)));
    const repository = await openRepository(store, w.secret, w.runtime);
    await expect(prune(w.runtime, repository, NOW)).rejects.toMatchObject({
      code: "snapshots_unreadable",
    });
    expect(await w.names("packs/")).toEqual(packs);
    expect(await w.names("condemned/")).toHaveLength(1);
  });

  it("of a condemned list: nothing stored is relied on, nothing is condemned", async () => {
    const w = await world();
    using _ = w.place;
    await w.garbage("condemned", "cd".repeat(16));
    const packs = await w.names("packs/");
    const { newBytes } = await backup(w.runtime, await w.open(), { ...w.options, force: true });
    expect(newBytes).toBeGreaterThan(300_000);
    expect(w.said()).toEqual([expect.stringMatching(/cannot be read, so nothing stored/)]);
    await forget(w.runtime, await w.open(), { snapshots: [hex(w.first.snapshot.id)] });
    const result = await prune(w.runtime, await w.open(), NOW);
    expect(result).toMatchObject({ packs: 0, snapshots: 1 });
    expect(await w.names("packs/")).toEqual(expect.arrayContaining(packs));
    expect(w.said().at(-1)).toMatch(/condemned list .* cannot be read: .*left alone/);
    expect((await check(w.runtime, await w.open(), { read: 1 })).problems).toHaveLength(1);
  });

  it("of a claim: it is open, and is settled like any other", async () => {
    const w = await world();
    using _ = w.place;
    const id = "cd".repeat(16);
    await w.garbage("claim", id);
    await forget(w.runtime, await w.open(), { snapshots: [hex(w.first.snapshot.id)] });
    expect(await prune(w.runtime, await w.open(), NOW)).toMatchObject({ snapshots: 1 });
    expect((await w.names("fences/")).filter((name) => name.endsWith(id))).toHaveLength(2);
  });
});

describe("a snapshot record that cannot be read is given up", () => {
  it("by its whole id, then it stops nobody", async () => {
    const w = await world();
    using _ = w.place;
    const id = "cd".repeat(16);
    const path = await w.garbage("snapshot", id);
    await forget(w.runtime, await w.open(), { snapshots: [hex(w.first.snapshot.id)] });
    const give = (text: string, dryRun = false) =>
      w.open().then((r) => forget(w.runtime, r, { snapshots: [text], dryRun }));
    await expect(give(id.slice(0, 12))).rejects.toMatchObject({ code: "no_snapshot" });
    await give(id, true);
    const code = { code: "snapshots_unreadable" };
    await expect(prune(w.runtime, await w.open(), NOW)).rejects.toMatchObject(code);
    expect(await give(id)).toMatchObject({ forgotten: [id] });
    expect((await (await w.open()).snapshots()).unreadable).toEqual([]);
    expect(await prune(w.runtime, await w.open(), NOW)).toMatchObject({ snapshots: 2 });
    expect(await w.objects.names()).not.toContain(path);
    expect((await check(w.runtime, await w.open(), { read: 1 })).problems).toEqual([]);
  });

  it("by a writer without the right: it stops the prune", async () => {
    const w = await world();
    using _ = w.place;
    const id = "cd".repeat(16);
    const path = await w.garbage("snapshot", id);
    await w.forged("tombstone", encodeTombstone(w.bare(path)), Buffer.from(id, "hex"));
    const code = { code: "snapshots_unreadable" };
    await expect(prune(w.runtime, await w.open(), NOW)).rejects.toMatchObject(code);
  });
});

describe("a fence or tombstone that cannot be read", () => {
  it("of a fence: its claim is not acknowledged, and its snapshot still read", async () => {
    const w = await world();
    using _ = w.place;
    let claim = "";
    const store = onPut(w.store, "snapshots/", async () => {
      const claims = await w.names("claims/");
      claim = claims.map((n) => n.slice(-32)).find((c) => open(claims, c)) ?? "";
      await w.garbage("fence", claim);
    });
    const repository = await openRepository(store, w.secret, w.runtime);
    const { snapshot } = await backup(w.runtime, repository, w.options);
    expect(w.said()).toEqual([expect.stringMatching(/begins again/)]);
    expect(hex(snapshot.claim)).not.toBe(claim);
    expect(await w.ids()).toContain(hex(snapshot.id));
    expect((await (await w.open()).snapshots()).logged).toHaveLength(4);
  });

  it("of a tombstone: the snapshot is there", async () => {
    const w = await world();
    using _ = w.place;
    await w.garbage("tombstone", hex(w.first.snapshot.id));
    expect(await w.ids()).toHaveLength(2);
    expect(await prune(w.runtime, await w.open(), NOW)).toMatchObject({ snapshots: 0 });
    expect((await check(w.runtime, await w.open(), { read: 1 })).problems).toHaveLength(1);
  });
});

describe("a record that the admin key did not make", () => {
  it("forgets nothing", async () => {
    const w = await world();
    using _ = w.place;
    const [name = ""] = (await (await w.open()).snapshots()).logged.map((l) => l.name);
    await w.forged("tombstone", encodeTombstone(name), w.first.snapshot.id);
    expect(await w.ids()).toHaveLength(2);
    expect(await prune(w.runtime, await w.open(), NOW)).toMatchObject({ snapshots: 0, packs: 0 });
    expect((await check(w.runtime, await w.open(), { read: 1 })).problems).toEqual([
      { object: expect.stringMatching(/^tombstones/), message: "was not put by who may delete" },
    ]);
  });

  it("condemns nothing: a writer heeds it, a prune says so and leaves it alone", async () => {
    const w = await world();
    using _ = w.place;
    const packs = (await w.names("packs/")).map(w.bare);
    const list = { packs, marked: [], honoured: [] };
    await w.forged("condemned", encodeCondemned(list), noise(1, 16));
    await prune(w.runtime, await w.open(), NOW);
    expect(w.said()).toEqual([expect.stringMatching(/not put by who may; it is left alone/)]);
    expect((await w.names("packs/")).map(w.bare)).toEqual(packs);
    expect(await w.names("condemned/")).toHaveLength(1);
    const { newBytes } = await backup(w.runtime, await w.open(), { ...w.options, force: true });
    expect(newBytes).toBeGreaterThan(300_000);
  });

  it("fences nobody out of sight", async () => {
    const w = await world();
    using _ = w.place;
    const { claim } = w.second.snapshot;
    await w.forged("fence", encodeFence(claim), claim);
    expect(await w.ids()).toHaveLength(2);
    // It is no reason to forget another, all the same.
    const kept = await forget(w.runtime, await w.open(), { policy: { last: 1 } });
    expect(kept.groups[0]?.verdicts.map((v) => v.reasons[0])).toEqual([
      "last 1",
      "not known to be acknowledged",
    ]);
  });
});

describe("where something is lost already", () => {
  it("a pack that a snapshot needs: nothing is removed", async () => {
    const w = await world();
    using _ = w.place;
    await forget(w.runtime, await w.open(), { snapshots: [hex(w.first.snapshot.id)] });
    const [lost = ""] = (await w.names("packs/")).filter((n) => !w.old.includes(n));
    await w.objects.remove(lost);
    const before = await w.objects.names();
    const failed = prune(w.runtime, await w.open(), NOW);
    await expect(failed).rejects.toMatchObject({ code: "missing_object" });
    expect(await w.objects.names()).toEqual(before);
  });

  it("a needed pack that goes after the list was put: its sweep removes nothing", async () => {
    const w = await world();
    using _ = w.place;
    await forget(w.runtime, await w.open(), { snapshots: [hex(w.first.snapshot.id)] });
    const [lost = ""] = (await w.names("packs/")).filter((n) => !w.old.includes(n));
    const store = onPut(w.store, "condemned/", () => w.objects.remove(lost));
    const repository = await openRepository(store, w.secret, w.runtime);
    const packs = (await w.names("packs/")).filter((n) => n !== lost);
    const failed = prune(w.runtime, repository, NOW);
    await expect(failed).rejects.toMatchObject({ code: "missing_object" });
    expect(await w.names("packs/")).toEqual(packs);
    expect(await w.names("condemned/")).toHaveLength(1);
  });

  it("a snapshot that a list marked, and that nobody forgot: its sweep stops", async () => {
    const w = await world();
    using _ = w.place;
    await forget(w.runtime, await w.open(), { snapshots: [hex(w.first.snapshot.id)] });
    const packs = await w.names("packs/");
    const marked =
      (await (await w.open()).snapshots()).logged.find((l) => !l.forgotten)?.name ?? "";
    const store = onPut(w.store, "condemned/", () =>
      w.objects.remove(objectPath("snapshot", marked)),
    );
    const repository = await openRepository(store, w.secret, w.runtime);
    const failed = prune(w.runtime, repository, NOW);
    await expect(failed).rejects.toMatchObject({ code: "missing_object" });
    expect(await w.names("packs/")).toEqual(packs);
    await expect(prune(w.runtime, await w.open(), NOW)).rejects.toMatchObject({
      code: "missing_object",
    });
  });

  it("a head of the log: the same", async () => {
    const w = await world();
    using _ = w.place;
    const first = (await (await w.open()).snapshots()).logged.find((l) =>
      l.snapshot.id.equals(w.first.snapshot.id),
    );
    await w.objects.remove(objectPath("snapshot", first?.name ?? ""));
    const failed = prune(w.runtime, await w.open(), NOW);
    await expect(failed).rejects.toMatchObject({ code: "missing_object" });
  });
});

it("dry runs change nothing and tell what they would", async () => {
  const w = await world();
  using _ = w.place;
  const gone = hex(w.first.snapshot.id);
  const before = await w.objects.names();
  const plan = { policy: { last: 1 }, dryRun: true };
  const forgotten = await forget(w.runtime, await w.open(), plan);
  expect(forgotten).toMatchObject({ forgotten: [gone], dryRun: true });
  expect(await w.objects.names()).toEqual(before);
  await forget(w.runtime, await w.open(), { snapshots: [gone] });
  const then = await w.objects.names();
  const dry = await prune(w.runtime, await w.open(), { ...NOW, dryRun: true });
  expect(await w.objects.names()).toEqual(then);
  expect(dry.requests).toMatchObject({ puts: 1, removals: dry.packs + 2 });
  const real = await prune(w.runtime, await w.open(), NOW);
  expect(dry).toMatchObject({
    packs: real.packs,
    snapshots: 1,
    before: real.before,
    after: real.after,
  });
});

it("a policy and names that cannot be meant are refused", async () => {
  const w = await world();
  using _ = w.place;
  const refuse = async (options: Parameters<typeof forget>[2], code: string) =>
    expect(forget(w.runtime, await w.open(), options)).rejects.toMatchObject({ code });
  await refuse({ policy: {} }, "usage");
  await refuse({}, "usage");
  await refuse({ policy: { last: -1 } }, "usage");
  await refuse({ snapshots: ["latest"] }, "no_snapshot");
  await refuse({ snapshots: ["0000"] }, "no_snapshot");
  const empty = await forget(w.runtime, await w.open(), { policy: { tags: ["none"] } });
  expect(empty.forgotten).toEqual([]);
  expect(empty.groups[0]?.refused).toMatch(/every snapshot of this group/);
  const all = await forget(w.runtime, await w.open(), { policy: { mayEmpty: true } });
  expect(all.forgotten).toHaveLength(2);
  for (const options of [{ maxUnused: 2 }, { maxRepack: -1 }, { wait: -1 }]) {
    const failed = prune(w.runtime, await w.open(), options);
    await expect(failed).rejects.toMatchObject({ code: "usage" });
  }
});

/** The same store; `act` runs once, after the first put below a folder. */
function onPut(store: Store, folder: string, act: () => unknown): Store {
  let left = 1;
  return {
    ...store,
    async put(name, bytes, signal, claim) {
      const token = await store.put(name, bytes, signal, claim);
      if (name.startsWith(folder) && left-- > 0) await act();
      return token;
    },
  };
}

/** Whether a claim, of those whose names are listed, has no end yet. */
function open(names: readonly string[], claim: string): boolean {
  return names.filter((name) => name.endsWith(claim)).length === 1;
}
