/** A store is tried before it is trusted: each way of being unfit is seen and named. */
import { describe, expect, it } from "vitest";
import { bytesOf, doctor, openMemoryStore, type Store, systemRuntime } from "../../src/index.ts";
import { world } from "../support/command.ts";
import { all } from "../support/outcome.ts";
import { fresh, onServers } from "../support/s3server.ts";

const verdicts = async (store: Store) => {
  const { findings } = await doctor(systemRuntime(), store);
  return Object.fromEntries(findings.map((f) => [f.subject, f.verdict]));
};

const GOOD = {
  "read back": "good",
  ranges: "good",
  listing: "good",
  overwriting: "good",
  absence: "good",
  removal: "good",
};

/** A memory store with one fault, that its other calls do not have. */
function faulty(fault: (inner: Store) => Partial<Store>): Store {
  const inner = openMemoryStore();
  return { ...inner, ...fault(inner) };
}

describe("doctor", () => {
  it("finds nothing wrong where nothing is, and leaves nothing", async () => {
    const store = openMemoryStore();
    expect(await verdicts(store)).toEqual(GOOD);
    expect(await all(store, "")).toEqual([]);
  });

  const FAULTS: [string, string, (inner: Store) => Partial<Store>][] = [
    [
      "read back",
      "flips a bit of whole objects",
      (inner) => ({
        async get(name, range) {
          const bytes = Buffer.from(await inner.get(name, range));
          if (range === undefined) bytes[100] = (bytes[100] ?? 0) ^ 1;
          return bytes;
        },
      }),
    ],
    ["ranges", "ignores ranges", (inner) => ({ get: (name) => inner.get(name) })],
    ["listing", "lists what was there before", () => ({ async *list() {} })],
    [
      "absence",
      "answers with nothing for what is not there",
      (inner) => ({
        get: (name, range) =>
          inner.get(name, range).catch((e) => (range ? Promise.reject(e) : Buffer.alloc(0))),
      }),
    ],
    ["removal", "says that it removed and does not", () => ({ remove: async () => undefined })],
  ];
  it.each(FAULTS)("says what is wrong with %s when a store %s", async (subject, _, fault) => {
    expect((await verdicts(faulty(fault)))[subject]).toBe("unfit");
  });

  it("says that a store which replaces objects is less than it could be", async () => {
    const put = openMemoryStore();
    const held = new Map<string, Buffer>();
    const store: Store = {
      ...put,
      async put(name, bytes) {
        held.set(name, await bytesOf(bytes));
        return { durable: name };
      },
      async get(name, range) {
        const bytes = held.get(name);
        if (bytes === undefined) return put.get(name);
        if (range === undefined) return bytes;
        if (range.offset + range.length > bytes.length) return put.get("x", range);
        return bytes.subarray(range.offset, range.offset + range.length);
      },
    };
    expect((await verdicts(store)).overwriting).toBe("limit");
  });

  it("is a command that needs no secret", () => {
    using w = world();
    const place = w.at("elsewhere");
    const found = w.json(["doctor", place], { env: { HOLDALL_KEYFILE: undefined } });
    expect(found).toMatchObject({ event: "doctor", capabilities: null });
  });
});

onServers((server) => {
  it("tries a real server out", async () => {
    const store = server().open(fresh());
    const { findings, capabilities } = await doctor(systemRuntime(), store);
    expect(findings.filter((f) => f.verdict === "unfit")).toEqual([]);
    expect(Math.abs(capabilities?.skew ?? 1e9)).toBeLessThan(5000);
    expect(await all(store, "")).toEqual([]);
  });
});
