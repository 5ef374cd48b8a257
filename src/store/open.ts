/** From an address to a store: an explicit table of schemes. */
import { resolve } from "node:path";
import { Failure } from "../base/failure.ts";
import { openFolderStore } from "./fs.ts";
import type { Store } from "./store.ts";

const SCHEMES: Record<string, (address: string) => Store> = {
  file: (address) => openFolderStore(resolve(address)),
};

/** Opens `/a/folder`, `file:/a/folder`. */
export function openStore(address: string): Store {
  const [, scheme, rest] = /^([a-z][a-z0-9]+):(.*)$/s.exec(address) ?? [];
  const open = SCHEMES[scheme ?? "file"];
  if (open === undefined) throw new Failure("usage", `${address}: no store of kind ${scheme}`);
  return open(scheme === undefined ? address : (rest ?? ""));
}
