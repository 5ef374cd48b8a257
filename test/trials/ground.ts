/** Where trials take place: a demo instance on some file system, started once for many cuts. */
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Demo, startDemo } from "../demo/demo.ts";
import { has } from "../demo/parts.ts";
import { fileSystem, type Kind } from "../support/mounts.ts";

export interface Ground extends AsyncDisposable {
  readonly demo: Demo;
  /** A new path on the same file system, for a copy or a journal. */
  fresh(name: string): string;
}

/** Waits this long between operations: a machine of two cores must not be all drivers. */
const PACE = 2;

export const runs = process.getuid?.() === 0 && has("python3");

/** The reason, when this machine cannot have such a file system. */
export async function ground(kind: Kind, seed: number, pace = PACE): Promise<Ground | string> {
  const place = fileSystem(kind);
  if (typeof place === "string") return place;
  // Services run as a user of their own; a mounted place lies in a private folder.
  const above = kind === "folder" ? [] : [dirname(place.path)];
  for (const path of [place.path, ...above]) chmodSync(path, 0o711);
  const at = (name: string) => join(place.path, name);
  mkdirSync(at("journals"));
  try {
    const demo = await startDemo({ root: at("source"), seed, pace });
    return {
      demo,
      fresh(name) {
        rmSync(at(name), { recursive: true, force: true });
        return at(name);
      },
      async [Symbol.asyncDispose]() {
        await demo.stop().finally(() => place[Symbol.dispose]());
      },
    };
  } catch (error) {
    place[Symbol.dispose]();
    throw error;
  }
}
