/** The independent reader looks at a whole repository that the product made. */
import { expect } from "vitest";
import { Oracle } from "../oracle/reader.ts";

/** Bytes that are hashed again (pure JavaScript does 10 MB a second); all seals are checked. */
const BUDGET = 1 << 20;

/** Every page of every snapshot is there, by a reader that shares nothing with the product. */
export function witness(folder: string, key: string): void {
  const secret = { kind: "keyfile", bytes: Buffer.from(key, "hex") } as const;
  const oracle = new Oracle(folder, secret, BUDGET);
  expect(oracle.problems).toEqual([]);
  for (const { sections } of oracle.snapshots) {
    for (const unit of sections.flatMap((s) => s.units)) {
      let entries = 0;
      for (const _ of oracle.walk(unit.root)) entries++;
      expect(entries).toBe(unit.entries);
    }
  }
}
