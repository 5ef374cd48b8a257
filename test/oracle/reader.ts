/**
 * An independent reader, written from FORMAT.md alone: pure TypeScript, no import from `src` or
 * `native`.
 *
 * It opens a folder repository with a secret and walks any snapshot. Packs' own contents say where
 * chunks lie; index runs are decoded too and compared with them. Seals are always checked. Hashing
 * in pure JavaScript does about 10 MB a second, so content hashes and ids are recomputed only for
 * the first `budget` bytes of an `Oracle`; `unhashed` says how many bytes went without.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { hash } from "./crypto.ts";
import { TYPES } from "./document.ts";
import { HEADER, openRecord, openSlot, type Ring, type Stored, takeKey } from "./object.ts";
import { checkId, openBlock, openPack, type Pack } from "./pack.ts";
import { type Entry, extents, type Page, page, type Summary, split } from "./page.ts";
import { claimRecord, condemned, config, type Snapshot, snapshot, tombstone } from "./records.ts";
import { indexRun } from "./run.ts";

interface Place {
  readonly pack: Pack;
  readonly ordinal: number;
  readonly offset: number;
  readonly length: number;
}

export interface Secret {
  readonly kind: "passphrase" | "recovery" | "keyfile";
  readonly bytes: Buffer;
}

const KINDS = { passphrase: 1, recovery: 2, keyfile: 3 } as const;
const NAME = /^[0-9a-f]{64}-[0-9a-f]{32}$/;

export class Oracle {
  readonly ring: Ring;
  readonly snapshots: Snapshot[] = [];
  /** Claims by id; true once ended. */
  readonly claims = new Map<string, boolean>();
  /** Condemned lists: packs, snapshots marked, snapshots honoured. */
  readonly lists: string[][][] = [];
  /** Objects that cannot be read, with the reason. */
  readonly problems: string[] = [];
  unhashed = 0;
  private budget: number;
  private readonly folder: string;
  private readonly chunks = new Map<string, Place>();
  private readonly packs = new Map<string, Pack>();
  private cached: { pack: Pack; ordinal: number; plain: Buffer } | null = null;

  constructor(folder: string, secret: Secret, budget = 24 << 20) {
    this.folder = folder;
    this.budget = budget;
    this.ring = this.unlock(secret);
    const configs = this.each("config", (o) => config(openRecord(this.ring, "config", o)));
    const [newest] = configs.sort((a, b) => b.generation - a.generation);
    if (newest === undefined) throw new Error(`no config: ${this.problems}`);
    this.ring.replica = newest.replica;
    this.each("keys", (o) => takeKey(this.ring, o));
    this.each("packs", (o) => this.takePack(o));
    this.each("index", (o) => this.compareRun(o));
    this.each("claims", (o) => this.takeClaim(o));
    this.each("condemned", (o) => this.lists.push(condemned(this.ring, o)));
    this.takeSnapshots();
  }

  /** Those without a tombstone and without a fence; of several records of one, the latest. */
  private takeSnapshots(): void {
    const gone = new Set(this.each("tombstones", (o) => tombstone(this.ring, o)));
    const fenced = new Set(this.each("fences", (o) => this.takeFence(o)));
    const found = this.each("snapshots", (o) => {
      const read = snapshot(this.ring, openRecord(this.ring, "snapshot", o));
      return gone.has(o.name) || fenced.has(read.claim.toString("hex")) ? null : read;
    });
    const latest = new Map<string, Snapshot>();
    const order = (a: Snapshot, b: Snapshot) => a.sequence - b.sequence || a.time - b.time;
    for (const one of found.filter((s) => s !== null).sort(order)) latest.set(one.id, one);
    this.snapshots.push(...[...latest.values()].sort((a, b) => a.time - b.time));
  }

  /** The claim that a final fence is of; of an intent or withdrawn mark, nothing. */
  private takeFence(object: Stored): string {
    const number = HEADER.number(object.bytes, "type");
    const type = ["intent", "withdrawn"].find((t) => TYPES.get(t) === number) ?? "fence";
    const id = claimRecord(this.ring, type, object);
    return type === "fence" ? id : "";
  }

  /** Everything that `read` makes of a folder's objects; what it refuses becomes a problem. */
  private each<T>(folder: string, read: (object: Stored) => T): T[] {
    const root = join(this.folder, folder);
    if (!existsSync(root)) return [];
    const names = readdirSync(root, { recursive: true, encoding: "utf8" });
    return names.flatMap((path) => {
      const name = path.slice(path.lastIndexOf("/") + 1);
      if (!NAME.test(name) || !statSync(join(root, path)).isFile()) return [];
      try {
        const bytes = readFileSync(join(root, path));
        if (this.spend(bytes.length) && hash(bytes).toString("hex") !== name.slice(0, 64))
          throw new Error("the bytes are not what the name says");
        return [read({ name, bytes })];
      } catch (error) {
        this.problems.push(`${folder}/${path}: ${(error as Error).message}`);
        return [];
      }
    });
  }

  /** Whether these bytes are still to be hashed. */
  private spend(bytes: number): boolean {
    this.budget -= bytes;
    if (this.budget < 0) this.unhashed += bytes;
    return this.budget >= 0;
  }

  private unlock(secret: Secret): Ring {
    const rings = this.each("slots", ({ bytes }) =>
      openSlot(bytes, KINDS[secret.kind], secret.bytes),
    );
    const ring = rings.find((r) => r !== null);
    if (!ring) throw new Error(`no slot opens: ${this.problems}`);
    return ring;
  }

  private takePack({ name, bytes }: Stored): void {
    const pack = openPack(this.ring, bytes);
    this.packs.set(name, pack);
    let chunk = 0;
    pack.blocks.forEach((b, ordinal) => {
      let offset = 0;
      for (const last = chunk + b.chunks; chunk < last; chunk++) {
        const length = pack.lengths[chunk] ?? 0;
        const id = pack.ids[chunk]?.toString("hex") ?? "";
        this.chunks.set(id, { pack, ordinal, offset, length });
        offset += length;
      }
    });
  }

  /** A run says of every pack that is here what the pack itself says. */
  private compareRun(object: Stored): void {
    for (const row of indexRun(openRecord(this.ring, "index", object))) {
      const pack = this.packs.get(row.pack);
      if (pack === undefined || pack.bytes.length !== row.stored) continue;
      const own = pack.blocks.findIndex((b) => b.offset === row.block.offset);
      const block = pack.blocks[own];
      const same = JSON.stringify(block) === JSON.stringify(row.block);
      let [at, found] = [0, false];
      const first = pack.blocks.slice(0, own).reduce((n, b) => n + b.chunks, 0);
      for (let i = first; i < first + (block?.chunks ?? 0); i++) {
        if (at === row.offset)
          found = pack.ids[i]?.toString("hex") === row.id && pack.lengths[i] === row.length;
        at += pack.lengths[i] ?? 0;
      }
      if (!same || !found) throw new Error(`row of ${row.id} is not what ${row.pack} says`);
    }
  }

  private takeClaim(object: Stored): void {
    const ended = HEADER.number(object.bytes, "type") === TYPES.get("end");
    const id = claimRecord(this.ring, ended ? "end" : "claim", object);
    this.claims.set(id, ended || this.claims.get(id) === true);
  }

  chunk(id: Buffer, kind: number): Buffer {
    const place = this.chunks.get(id.toString("hex"));
    if (place === undefined) throw new Error(`no pack holds chunk ${id.toString("hex")}`);
    const { pack, ordinal } = place;
    if (this.cached?.pack !== pack || this.cached.ordinal !== ordinal)
      this.cached = { pack, ordinal, plain: openBlock(this.ring, pack, ordinal) };
    const data = this.cached.plain.subarray(place.offset, place.offset + place.length);
    if (pack.blocks[ordinal]?.kind !== kind) throw new Error("chunk of another kind");
    if (this.spend(data.length)) checkId(this.ring, pack.domain, kind, id, data);
    return data;
  }

  page(id: Buffer): Page {
    return page(this.chunk(id, 1));
  }

  /** A folder's entries in order, and the sum of what they and all below hold. */
  *entries(id: Buffer, expected?: Summary): Iterable<Entry> {
    const found = this.page(id);
    const sum: Summary = [0, 0, 0];
    const add = (s: Summary) =>
      s.forEach((n, i) => {
        sum[i] = (sum[i] ?? 0) + n;
      });
    if (found.kind === "leaf") {
      for (const e of found.entries) {
        add(own(e));
        yield e;
      }
    } else if (found.kind === "node") {
      for (const b of found.below) {
        const [first] = this.entries(b.page, b.summary);
        if (!first?.name.equals(b.name)) throw new Error("a node's first name is not its page's");
        add(b.summary);
        yield* this.entries(b.page, b.summary);
      }
    } else throw new Error("hints where a folder's page should be");
    if (expected && sum.some((n, i) => n !== expected[i])) throw new Error("summary is wrong");
  }

  /** Every entry below a page with its path of names, folders before what is in them. */
  *walk(
    id: Buffer,
    base: Buffer[] = [],
    sum?: Summary,
  ): Iterable<{ path: Buffer[]; entry: Entry }> {
    for (const entry of this.entries(id, sum)) {
      const path = [...base, entry.name];
      yield { path, entry };
      if (entry.content.kind === "folder" && entry.refused === null)
        yield* this.walk(entry.content.page, path, entry.content.summary);
    }
  }

  /** The entry that a sequence of names leads to. */
  find(root: Buffer, path: Buffer[]): Entry | null {
    const [name, ...rest] = path;
    if (name === undefined) return null;
    for (const entry of this.entries(root)) {
      if (!entry.name.equals(name)) continue;
      if (rest.length === 0) return entry;
      return entry.content.kind === "folder" ? this.find(entry.content.page, rest) : null;
    }
    return null;
  }

  /** A file's bytes in order with where each run of them lies. */
  *data(e: Entry): Iterable<{ at: bigint; bytes: Buffer }> {
    if (e.refused !== null) throw new Error(`left out: ${e.refused}`);
    let ids = e.content.kind === "ids" ? e.content.ids : [];
    const levels = e.content.kind === "ids" ? e.content.levels : 0;
    for (let level = 0; level < levels; level++)
      ids = ids.flatMap((id) => split(this.chunk(id, 2)));
    const size = (id: Buffer) => this.chunks.get(id.toString("hex"))?.length ?? 0;
    const runs = extents(
      e,
      ids.reduce((n, id) => n + size(id), 0),
    )[Symbol.iterator]();
    let [at, left] = [0n, 0n];
    for (const id of ids) {
      for (let rest = this.chunk(id, 0); rest.length > 0; ) {
        if (left === 0n) [at, left] = (runs.next().value ?? [0n, 0n]) as [bigint, bigint];
        const n = Number(BigInt(rest.length) < left ? BigInt(rest.length) : left);
        yield { at, bytes: rest.subarray(0, n) };
        rest = rest.subarray(n);
        at += BigInt(n);
        left -= BigInt(n);
      }
    }
  }
}

function own(e: Entry): Summary {
  const isFile = e.kind === 0 && e.refused === null;
  const below: Summary = e.content.kind === "folder" ? e.content.summary : [0, 0, 0];
  return [1 + below[0], (isFile ? 1 : 0) + below[1], (isFile ? Number(e.size) : 0) + below[2]];
}
