/** restore(backup(x)) = x for generated trees with every kind of entry, two generations each. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixture } from "../support/library.ts";
import { TreeServer, temporary } from "../support/tree.ts";
import { BUCKET, newStore } from "../support/where.ts";

const SLOW = process.env.SLOW === "1";
const SEED = Number(process.env.SEED ?? 7);
/** Trees; a bucket sees some of them. */
const RUNS = SLOW ? 2000 : BUCKET === null ? 60 : 8;

const hex = (bytes: fc.Arbitrary<Uint8Array>) => bytes.map((b) => Buffer.from(b).toString("hex"));
const byte = fc.integer({ min: 1, max: 255 }).filter((b) => b !== 0x2f);
const name = hex(
  fc
    .array(byte, { minLength: 1, maxLength: 12 })
    .filter((n) => n.some((b) => b !== 0x2e) || n.length > 2)
    .map((n) => Uint8Array.from(n)),
);
const target = hex(
  fc
    .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 300 })
    .map((n) => Uint8Array.from(n)),
);
const id = fc.oneof(fc.integer({ min: 0, max: 70000 }), fc.integer({ min: 0, max: 2 ** 32 - 2 }));
const xattr = fc.tuple(
  fc
    .tuple(fc.constantFrom("user.", "trusted."), fc.stringMatching(/^[a-z%=]{1,9}$/))
    .map((parts) => parts.join("")),
  hex(fc.uint8Array({ maxLength: 120 })),
);
const acl = fc
  .uniqueArray(fc.tuple(fc.constantFrom(2, 8), fc.nat(7), fc.nat(2 ** 31)), {
    maxLength: 4,
    selector: ([tag, , who]) => `${tag} ${who}`,
  })
  .map((named) => [
    [1, 7, 2 ** 32 - 1],
    [4, 5, 2 ** 32 - 1],
    [16, 7, 2 ** 32 - 1],
    [32, 1, 2 ** 32 - 1],
    ...named,
  ]);

const common = {
  name,
  mode: fc.nat(0o7777),
  owner: fc.tuple(id, id),
  seconds: fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 33 }), fc.nat(2_000_000_000)),
  nanoseconds: fc.nat(999_999_999),
  xattrs: fc.uniqueArray(xattr, { maxLength: 3, selector: ([key]) => key }),
  acl: fc.option(acl),
  links: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(3)),
};
const run = fc.tuple(
  fc.oneof(
    fc.nat(300_000),
    fc.nat(60).map((n) => n * 4096),
  ),
  fc.oneof(fc.nat(200), fc.nat(90_000)),
  fc.nat(9),
);
const { entry } = fc.letrec<{ entry: object }>((tie) => ({
  entry: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({
      ...common,
      kind: fc.constant("file"),
      size: fc.oneof(fc.nat(300), fc.nat(400_000)),
      runs: fc.array(run, { maxLength: 4 }),
    }),
    fc.record({ ...common, kind: fc.constant("link"), target }),
    fc.record({
      ...common,
      kind: fc.constantFrom("char", "block"),
      device: fc.tuple(fc.nat(4095), fc.nat(1048575)),
    }),
    fc.record({ ...common, kind: fc.constantFrom("fifo", "socket") }),
    fc.record({
      ...common,
      kind: fc.constant("dir"),
      entries: fc.array(tie("entry"), { maxLength: 6 }),
    }),
  ),
}));
const tree = fc.array(entry, { minLength: 1, maxLength: 7 });

describe("generated trees", () => {
  let server: TreeServer;
  beforeAll(() => {
    server = new TreeServer();
  });
  afterAll(() => server[Symbol.dispose]());

  it(`come back as they were, twice, through any store (seed ${SEED})`, {
    timeout: SLOW ? 1_800_000 : 180_000,
  }, async () => {
    const property = fc.asyncProperty(tree, tree, fc.boolean(), async (first, second, memory) => {
      using place = temporary();
      const [source, out] = [join(place.path, "source"), join(place.path, "out")];
      const { save, bring, events } = await fixture(place.path, memory ? newStore() : undefined);
      for (const generation of [first, second]) {
        rmSync(source, { recursive: true, force: true });
        await server.build(source, generation);
        const { snapshot } = await save([source]);
        await bring(snapshot, source, out, { delete: true });
        expect(events.filter((e) => e.event === "trouble")).toEqual([]);
        expect(await server.differences(source, out)).toEqual([]);
      }
    });
    await fc.assert(property, {
      numRuns: RUNS,
      seed: SEED,
      interruptAfterTimeLimit: SLOW ? 1_500_000 : 45_000,
    });
  });
});
