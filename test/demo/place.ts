/** Where everything of a demo instance lies, who its contexts are, and what its seed decides. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Tenants, in the order in which they are made: the place in this list is a number in engines. */
export const CONTEXTS = ["root", "geomind", "acme"] as const;
export type Context = (typeof CONTEXTS)[number];

/** Who the services run as; null: who started the demo. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** What a demo instance is made from. */
export interface Place {
  /** Absolute, without a slash at its end. */
  readonly root: string;
  readonly seed: number;
  readonly user: User | null;
}

export const dataOf = (place: Place, service: string) => join(place.root, "var", service);
export const socketsOf = (place: Place, service: string) =>
  join(place.root, "var", "sockets", service);

/** A secret of the instance: the same one for the same seed, in whatever root. */
export function secret(place: Place, name: string): string {
  return createHash("sha256").update(`demo ${place.seed} ${name}`).digest("hex").slice(0, 32);
}

/** The folder of the sources, also when this runs compiled. */
function sources(from: string): string {
  return existsSync(join(from, "package.json")) ? from : sources(dirname(from));
}
export const PROJECT = sources(import.meta.dirname);
export const DAEMONS = join(PROJECT, "test", "demo", "daemons");

const id = (flag: string, name: string) =>
  Number(execFileSync("id", [flag, name], { encoding: "utf8" }));

/** A user of this machine; null for everyone but root, who cannot become another. */
export function user(name: string): User | null {
  if (process.getuid?.() !== 0) return null;
  return { name, uid: id("-u", name), gid: id("-g", name) };
}

/** The words before a command that is to run as the user. */
export function as({ user: who }: Place): string[] {
  if (who === null) return [];
  return ["setpriv", `--reuid=${who.uid}`, `--regid=${who.gid}`, "--clear-groups"];
}
