/**
 * Every store and decorator against the contract, and the folder store against failing system
 * calls.
 */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Failure } from "../../src/base/failure.ts";
import {
  openMemoryStore,
  openStore,
  readonly,
  retry,
  type Store,
  steady,
  systemRuntime,
  throttle,
} from "../../src/index.ts";
import { type Files, systemFiles } from "../../src/store/files.ts";
import { openFolderStore } from "../../src/store/fs.ts";
import { storeContract } from "../contract/store.ts";
import { temporary } from "../support/tree.ts";

const runtime = systemRuntime();

function onFolder(wrap: (store: Store) => Store) {
  return async () => {
    const place = temporary();
    const store = wrap(openStore(join(place.path, "store")));
    return { store, [Symbol.dispose]: () => place[Symbol.dispose]() };
  };
}

storeContract("memory", async () => ({ store: openMemoryStore(), [Symbol.dispose]() {} }));
storeContract(
  "folder",
  onFolder((store) => store),
);
storeContract(
  "retry",
  onFolder((store) => retry(store, runtime)),
);
storeContract(
  "throttle",
  onFolder((store) => throttle(store, runtime, { up: 1e9, down: 1e9 })),
);

/** Counts every call and lets the Nth fail with an errno. */
function failing(at: number, code: string): { files: Files; calls: () => number } {
  let calls = 0;
  const step = async () => {
    calls++;
    if (calls === at) throw Object.assign(new Error(`${code}: injected`), { code });
  };
  const files: Files = {
    ...systemFiles,
    async open(path, flags) {
      await step();
      const file = await systemFiles.open(path, flags);
      return {
        ...file,
        // Short writes are legal: half at a time.
        write: async (bytes, offset) => {
          await step();
          return file.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), offset);
        },
        sync: async () => {
          await step();
          return file.sync();
        },
      };
    },
    link: async (from, to) => {
      await step();
      return systemFiles.link(from, to);
    },
    makeFolder: async (path) => {
      await step();
      return systemFiles.makeFolder(path);
    },
    syncFolder: async (path) => {
      await step();
      return systemFiles.syncFolder(path);
    },
  };
  return { files, calls: () => calls };
}

describe("the folder store, with every call failing once", () => {
  for (const [code, expected] of [
    ["ENOSPC", "disk_full"],
    ["EIO", "store_io|not_durable"],
    ["EACCES", "permission"],
  ] as const) {
    it(`says ${expected} for ${code}, and shows no torn object`, async () => {
      using place = temporary();
      const whole = failing(0, code);
      await openFolderStore(join(place.path, "count"), whole.files).put(
        "packs/aa/x",
        Buffer.from("content"),
      );
      expect(whole.calls()).toBeGreaterThan(8);
      for (let n = 1; n <= whole.calls(); n++) {
        const root = join(place.path, String(n));
        await expect(
          openFolderStore(root, failing(n, code).files).put("packs/aa/x", Buffer.from("content")),
        ).rejects.toMatchObject({ code: expect.stringMatching(`^(${expected})$`) });
        const clean = openFolderStore(root);
        for await (const object of clean.list("packs/")) expect(object.length).toBe(7);
      }
    });
  }
});

describe("decorators", () => {
  it("readonly refuses to put", async () => {
    await expect(readonly(openMemoryStore()).put("a/b", Buffer.alloc(1))).rejects.toMatchObject({
      code: "read_only",
    });
  });

  it("retry repeats what fails in passing, and finds its own object after a lost answer", async () => {
    const inner = openMemoryStore();
    let lost = true;
    const flaky: Store = {
      ...inner,
      put: async (name, bytes) => {
        await inner.put(name, bytes);
        if (lost) {
          lost = false;
          throw new Failure("store_io", "answer lost");
        }
        return { durable: name };
      },
    };
    const waits: number[] = [];
    const clock = { now: () => 0, sleep: async (ms: number) => void waits.push(ms) };
    await retry(flaky, { ...runtime, clock }).put("a/b", Buffer.from("x"));
    expect(waits).toHaveLength(1);
    let calls = 0;
    const dead: Store = {
      ...inner,
      get: async () => {
        calls++;
        throw new Failure("store_io", "down");
      },
    };
    await expect(retry(dead, { ...runtime, clock }, 4).get("a/b")).rejects.toMatchObject({
      code: "store_io",
    });
    expect(calls).toBe(4);
  });

  it("throttle waits as long as the rate says", async () => {
    const waits: number[] = [];
    const clock = { now: () => 0, sleep: async (ms: number) => void waits.push(ms) };
    const slow = throttle(openMemoryStore(), { ...runtime, clock }, { up: 1000 });
    await slow.put("a/b", Buffer.alloc(500));
    await slow.put("a/c", Buffer.alloc(500));
    expect(waits).toEqual([500, 1000]);
  });

  it("throttle follows the hours of the day", async () => {
    let time = new Date(2026, 4, 4, 7, 59, 59).getTime();
    const sleep = async (ms: number) => {
      time += ms;
    };
    const rates = steady(1000).map((rate, hour) => (hour < 8 ? 2000 : rate));
    const clock = { now: () => time, sleep };
    const slow = throttle(openMemoryStore(), { ...runtime, clock }, { up: rates });
    const seconds = async (bytes: number) => {
      const before = time;
      await slow.put(`a/${before}`, Buffer.alloc(bytes));
      return (time - before) / 1000;
    };
    expect(await seconds(1000)).toBe(0.5);
    expect(await seconds(3000)).toBe(2.5);
    expect(await seconds(1000)).toBe(1);
  });
});
