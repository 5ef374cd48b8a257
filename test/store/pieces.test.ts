/** Bodies that are read piece by piece: stored, and compared with what is stored, as any other. */
import { describe, expect, it } from "vitest";
import { isAlike, partOf } from "../../src/base/body.ts";
import {
  type Body,
  bytesOf,
  Failure,
  openMemoryStore,
  type Spooled,
  systemRuntime,
} from "../../src/index.ts";
import { retry } from "../../src/store/retry.ts";
import { noise } from "../support/noise.ts";
import { all } from "../support/outcome.ts";
import { fresh, onServers } from "../support/s3server.ts";
import { strait } from "../support/strait.ts";

const BYTES = noise(3, 100_000);

/** Its pieces, and how many of those who asked for them have not come to an end. */
function counted(bytes: Buffer, size: number) {
  let reading = 0;
  const body: Spooled = {
    length: bytes.length,
    async *pieces(offset, length) {
      // Each piece spoils the one before it.
      const window = Buffer.alloc(size);
      reading++;
      try {
        for (let at = offset; at < offset + length; at += size) {
          window.fill(0);
          const n = bytes.copy(window, 0, at, Math.min(at + size, offset + length));
          yield window.subarray(0, n);
        }
      } finally {
        window.fill(0);
        reading--;
      }
    },
  };
  return { body, reading: () => reading };
}

const inPieces = (bytes: Buffer): Body => counted(bytes, 7000).body;

const ranges = (bytes: Buffer) => async (offset: number, length: number) =>
  bytes.subarray(offset, offset + length);

describe.each([
  ["at hand", (bytes: Buffer): Body => bytes],
  ["in pieces", inPieces],
] as const)("bytes %s", (_, make) => {
  it("are what they are, whole and in part", async () => {
    expect((await bytesOf(make(BYTES))).equals(BYTES)).toBe(true);
    const part = partOf(make(BYTES), 6999, 14_002);
    expect((await bytesOf(part)).equals(BYTES.subarray(6999, 14_002))).toBe(true);
    expect(await bytesOf(partOf(part, 7000, 9000))).toEqual(BYTES.subarray(13_999, 14_002));
    expect(partOf(part, 7000, 9000).length).toBe(3);
  });

  it("are alike only when every byte is", async () => {
    const body = make(BYTES);
    expect(await isAlike(body, ranges(BYTES))).toBe(true);
    for (const at of [0, 7000, BYTES.length - 1]) {
      const other = Buffer.from(BYTES);
      other.writeUInt8(other.readUInt8(at) ^ 1, at);
      expect(await isAlike(body, ranges(other)), `byte ${at}`).toBe(false);
    }
    expect(await isAlike(body, ranges(BYTES.subarray(1)))).toBe(false);
  });

  it.each([true, false])(
    "a put whose answer was lost is believed by them alone: %s",
    async (same) => {
      const inner = openMemoryStore();
      const lost = new Failure("store_io", "the answer was lost");
      let puts = 0;
      const store = retry(
        {
          ...inner,
          async put(name, bytes) {
            if (puts++ > 0) return inner.put(name, bytes);
            await inner.put(name, same ? bytes : BYTES.subarray(1));
            throw lost;
          },
        },
        systemRuntime(),
      );
      const put = store.put("a", make(BYTES)).then(
        () => "durable",
        (error: Failure) => error.code,
      );
      expect(await put).toBe(same ? "durable" : "object_exists");
    },
  );
});

const LARGE = noise(4, 11 << 20);
const PIECE = 64 << 10;
/** Servers take no smaller part. */
const part = 5 << 20;

onServers((server) => {
  it.each([
    ["whole", 16 << 20],
    ["in parts", part],
  ])("go up %s over a bad way, byte for byte", async (_, single) => {
    using way = await strait(server().endpoint, { seed: 9, delay: 0, rate: 2e9, life: 40 << 20 });
    const settings = { endpoint: way.endpoint };
    const patience = { longestPause: 20 };
    const store = server().open(fresh(), { settings, patience, single, part });
    for (let i = 0; i < 4; i++) {
      const { body, reading } = counted(LARGE, PIECE);
      await store.put(`packs/${i}`, body);
      expect(reading()).toBe(0);
      expect((await store.get(`packs/${i}`)).equals(LARGE)).toBe(true);
    }
    expect(way.cuts()).toBeGreaterThan(0);
  });

  it.each([
    ["whole", 16 << 20],
    ["in parts", part],
  ])("are let go of when a put of them %s is stopped", async (_, single) => {
    const store = server().open(fresh(), { single, part });
    const { body, reading } = counted(LARGE, PIECE);
    const stop = new AbortController();
    let [summed, sent] = [false, 0];
    const stopping: Spooled = {
      length: body.length,
      async *pieces(offset, length) {
        for await (const piece of body.pieces(offset, length)) {
          yield piece;
          sent += summed ? piece.length : 0;
          if (sent > 10 * PIECE) stop.abort();
        }
        // The first reading is for the sums.
        summed ||= offset + length === body.length;
      },
    };
    await expect(store.put("packs/a", stopping, stop.signal)).rejects.toMatchObject({
      code: "interrupted",
    });
    expect(reading()).toBe(0);
    expect(await all(store, "packs/")).toEqual([]);
  });
});
