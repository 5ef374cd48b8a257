/** What a sync brings over is what the source has, between folders and between others. */
import { join } from "node:path";
import { openMemoryStore, openStore } from "../../src/index.ts";
import { syncContract } from "../contract/sync.ts";

syncContract("folders", (folder) => ({
  here: openStore(join(folder, "repo")),
  there: openStore(join(folder, "there")),
}));

syncContract("memory", () => ({ here: openMemoryStore(), there: openMemoryStore() }));
