/** A repository beside a source folder of noise, for who forgets, prunes and brings back. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hex, type Store } from "../../src/index.ts";
import { fixture } from "./library.ts";
import { noise } from "./noise.ts";
import { all } from "./outcome.ts";
import { temporary } from "./tree.ts";

/** No writer is waited for, none is spared. */
export const NOW = { wait: 0, fenceAfter: 0 };

/** `store` is a place beside the source if not given; files have `size` bytes. */
export async function sourced(store?: Store, size = 300_000) {
  const place = temporary();
  const source = join(place.path, "source");
  mkdirSync(source);
  const made = await fixture(place.path, ...(store === undefined ? [] : [store]));
  return {
    ...made,
    place,
    source,
    options: { paths: [Buffer.from(source)], host: "test", workers: 2, tool: "test" },
    write: (name: string, seed: number, bytes = size) =>
      writeFileSync(join(source, name), noise(seed, bytes)),
    names: async (prefix: string) => (await all(made.store, prefix)).sort(),
    ids: async () => (await (await made.open()).snapshots()).snapshots.map((s) => hex(s.id)),
    said: () => made.events.filter((e) => e.event === "warning").map((e) => e.message),
  };
}
