/** File systems for a test, in images on loop devices, gone again with `using`. Needs root. */
import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporary } from "./tree.ts";

export type Kind = "folder" | "tmpfs" | "ext4" | "xfs" | "btrfs";

const MAKE: Record<"ext4" | "xfs" | "btrfs", string[]> = {
  ext4: ["mkfs.ext4", "-q", "-F", "-I", "256", "-O", "ea_inode"],
  xfs: ["mkfs.xfs", "-q", "-m", "bigtime=1"],
  btrfs: ["mkfs.btrfs", "-q"],
};

const run = (command: string, ...rest: string[]) => execFileSync(command, rest, { stdio: "pipe" });

/** A folder on a file system of its own; the reason when this machine cannot have one. */
export function fileSystem(kind: Kind, memory = "6g"): ({ path: string } & Disposable) | string {
  const place = temporary();
  if (kind === "folder") return place;
  const path = join(place.path, "mount");
  mkdirSync(path);
  try {
    if (kind === "tmpfs") run("mount", "-t", "tmpfs", "-o", `size=${memory}`, "holdall", path);
    else {
      const image = join(place.path, "image");
      writeFileSync(image, "");
      truncateSync(image, 2 ** 31);
      const [make = "", ...flags] = MAKE[kind];
      run(make, ...flags, image);
      run("mount", "-o", "loop", image, path);
    }
  } catch (error) {
    place[Symbol.dispose]();
    return `no ${kind} here: ${(error as Error).message.split("\n").slice(0, 2).join(" ")}`;
  }
  return {
    path,
    [Symbol.dispose]() {
      // An index that is still mapped keeps the mount busy: it then goes with the mapping.
      run("umount", "--lazy", path);
      place[Symbol.dispose]();
    },
  };
}
