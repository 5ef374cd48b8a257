/** The only file that spells object names. */
import { Failure } from "../base/failure.ts";

export const FOLDERS = {
  slot: "slots/",
  config: "config/",
  key: "keys/",
  pack: "packs/",
  index: "index/",
  snapshot: "snapshots/",
  claim: "claims/",
  fence: "fences/",
  condemned: "condemned/",
  tombstone: "tombstones/",
} as const;

export type Kind = keyof typeof FOLDERS;

/** Without these something is lost; all else is made anew, or serves for a time only. */
export const isLasting = (kind: Kind): boolean =>
  ["slot", "config", "key", "pack", "snapshot"].includes(kind);

/** Where an object of this kind and bare name lies. */
export function objectPath(kind: Kind, name: string): string {
  return kind === "pack" ? `${FOLDERS.pack}${name.slice(0, 2)}/${name}` : FOLDERS[kind] + name;
}

const PROBES = "probes/";

/** Where a thing lies that is put only to try a store; readers never look there. */
export function probePath(id: Buffer): string {
  return PROBES + id.toString("hex");
}

export function isProbe(path: string): boolean {
  return path.startsWith(PROBES);
}

const NAME = /^[0-9a-f]{64}-[0-9a-f]{32}$/;

/** The bare name of a stored object; null for what is no object. */
export function bareName(path: string): string | null {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return NAME.test(name) ? name : null;
}

/** The same of a listing; what is no object has an empty one. */
export function bareNames(listed: readonly { readonly name: string }[]): string[] {
  return listed.map(({ name }) => bareName(name) ?? "");
}

/** The id that a bare name ends with: of its upload, or of what the record speaks of. */
export function uploadId(name: string): string {
  return name.slice(-32);
}

/** The bare name of the same bytes in another upload. */
export function uploadedAs(name: string, upload: Buffer): string {
  return name.slice(0, -32) + upload.toString("hex");
}

/** Refuses an object whose bytes are not what its name says. */
export function checkName(hash: string, path: string): void {
  if (!path.slice(path.lastIndexOf("/") + 1).startsWith(hash)) {
    throw new Failure("damaged", `${path} does not hold the bytes its name says`);
  }
}

/** What names a key slot for good: the hash of its stored bytes, which its name begins with. */
export function slotHash(path: string): Buffer {
  return Buffer.from(path.slice(path.lastIndexOf("/") + 1).slice(0, 64), "hex");
}
