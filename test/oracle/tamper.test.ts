/**
 * A whole repository in the hands of a hostile store: objects flipped, cut, swapped, replayed and
 * deleted, some of them under the name that the changed bytes have. Sampled; the core's `flips.rs`
 * is exhaustive over objects. Always: no crash, no wrong byte, and what is untouched restores.
 */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  check,
  openRepository,
  openStore,
  restore,
  selectSnapshot,
  toFailure,
} from "../../src/index.ts";
import { fixture } from "../support/library.ts";
import { temporary } from "../support/tree.ts";
import { hash } from "./crypto.ts";

const objects = (root: string) =>
  readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((n) => join(root, n))
    .filter((p) => statSync(p).isFile());

const FILES = { a: "first file\n".repeat(50), b: "second file\n".repeat(50) };

async function golden() {
  const place = temporary();
  const source = join(place.path, "source");
  mkdirSync(source);
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(source, name), text);
  const made = await fixture(place.path);
  await made.save([source]);
  return { ...made, place, source, repo: join(place.path, "repo") };
}

type Golden = Awaited<ReturnType<typeof golden>>;

/** Whether opening or checking says that something is wrong. No file restores to other bytes. */
async function seen(g: Golden, repo: string): Promise<boolean> {
  const events: string[] = [];
  const runtime = { ...g.runtime, emit: (e: { event: string }) => events.push(e.event) };
  const out = join(g.place.path, "out");
  try {
    const repository = await openRepository(openStore(repo), g.secret, runtime);
    const { problems } = await check(runtime, repository, { read: 1 });
    const all = await repository.snapshots();
    if (all.snapshots.length > 0 && all.unreadable.length === 0) {
      const spec = { path: Buffer.from(g.source), target: out, workers: 1 };
      await restore(runtime, repository, selectSnapshot(all, "latest", 0), spec);
      for (const [name, text] of Object.entries(FILES)) {
        const path = join(out, name);
        if (readdirSync(out).includes(name) && statSync(path).size > 0)
          expect(readFileSync(path, "utf8").replaceAll("\0", "")).toBe(text);
      }
    }
    return problems.length > 0 || events.includes("warning") || all.snapshots.length === 0;
  } catch (error) {
    const failure = toFailure(error);
    expect(["internal"], failure.message).not.toContain(failure.code);
    return true;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Stores bytes under the name that they have: only the seal can tell. */
function renamed(path: string, bytes: Buffer): string {
  const name = `${hash(bytes).toString("hex")}${basename(path).slice(64)}`;
  const isPack = basename(dirname(dirname(path))) === "packs";
  const folder = isPack ? join(dirname(dirname(path)), name.slice(0, 2)) : dirname(path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

/** An object that no secret here opens: what is in its seal is its own holder's to check. */
const foreign = (g: Golden, path: string) =>
  basename(dirname(path)) === "slots" && path.startsWith(g.repo) && readFileSync(path)[83] === 2;

describe("a hostile store", () => {
  it("is found out when it changes an object and renames it", { timeout: 120_000 }, async () => {
    const g = await golden();
    using _ = g.place;
    for (const path of objects(g.repo)) {
      if (foreign(g, path)) continue;
      const good = readFileSync(path);
      rmSync(path);
      for (const at of [9, 20, 60, 90, good.length - 90, good.length - 1]) {
        const bad = Buffer.from(good);
        bad.writeUInt8(bad.readUInt8(at) ^ 4, at);
        const made = renamed(path, bad);
        expect(await seen(g, g.repo), `${path} at ${at}`).toBe(true);
        rmSync(made);
      }
      for (const length of [0, 79, 80, good.length - 16, good.length - 1]) {
        const made = renamed(path, good.subarray(0, length));
        expect(await seen(g, g.repo), `${path} cut to ${length}`).toBe(true);
        rmSync(made);
      }
      writeFileSync(path, good);
    }
    expect(await seen(g, g.repo)).toBe(false);
  });

  it("is found out when it gives one object for another, or one of another repository", {
    timeout: 120_000,
  }, async () => {
    const [g, other] = [await golden(), await golden()];
    using _ = g.place;
    using __ = other.place;
    const strangers = objects(other.repo);
    for (const path of objects(g.repo)) {
      const kind = path.slice(g.repo.length + 1).split("/")[0] ?? "";
      if (kind === "slots") continue;
      const good = readFileSync(path);
      const stranger = strangers.find((p) => p.startsWith(join(other.repo, kind))) ?? "";
      writeFileSync(path, readFileSync(stranger));
      expect(await seen(g, g.repo), `${path} swapped`).toBe(true);
      rmSync(path);
      const replayed = renamed(path, readFileSync(stranger));
      expect(await seen(g, g.repo), `${path} replayed`).toBe(true);
      rmSync(replayed);
      writeFileSync(path, good);
    }
  });

  it("cannot delete unseen what a snapshot needs, and the rest restores", {
    timeout: 120_000,
  }, async () => {
    const g = await golden();
    using _ = g.place;
    for (const folder of ["config", "keys", "packs"]) {
      for (const path of objects(join(g.repo, folder))) {
        const aside = join(g.place.path, "aside");
        renameSync(path, aside);
        // Only the index and fence keys can go and leave every file readable.
        const noticed = await seen(g, g.repo);
        if (folder !== "keys") expect(noticed, `${path} deleted`).toBe(true);
        renameSync(aside, path);
      }
    }
    const copy = join(g.place.path, "copy");
    cpSync(g.repo, copy, { recursive: true });
    for (const path of objects(join(copy, "claims"))) rmSync(path);
    expect(await seen(g, copy)).toBe(false);
  });
});
