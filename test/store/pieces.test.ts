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

const BYTES = noise(3, 100_000);

/** In pieces of 7,000 bytes, each of which spoils the one before it. */
function inPieces(bytes: Buffer): Spooled {
  const window = Buffer.alloc(7000);
  return {
    length: bytes.length,
    async *pieces(offset, length) {
      for (let at = offset; at < offset + length; at += window.length) {
        const n = bytes.copy(window, 0, at, Math.min(at + window.length, offset + length));
        yield window.subarray(0, n);
      }
    },
  };
}

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
