/** What a command left in a folder repository, read by the library. */
import { readFileSync } from "node:fs";
import { openRepository, openStore, type Snapshot, systemRuntime } from "../../src/index.ts";

/** Its snapshots, oldest first. */
export async function stored(folder: string, keyFile: string): Promise<Snapshot[]> {
  const bytes = Buffer.from(readFileSync(keyFile, "utf8").trim(), "hex");
  const store = openStore(folder);
  await using repository = await openRepository(store, { kind: "keyfile", bytes }, systemRuntime());
  return (await repository.snapshots()).snapshots;
}
