/** File systems and subvolumes that paths lie on. */
import { lstatSync, readFileSync } from "node:fs";
import { toBytes } from "../base/bytes.ts";
import { isWithin } from "../base/path.ts";
import type { Place } from "./facts.ts";

/** The number of every btrfs subvolume's root folder. */
const SUBVOLUME = 256n;

interface Mount {
  readonly point: string;
  readonly type: string;
}

const unescaped = (text: string) =>
  text.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Mounts of this process, later ones over earlier ones. */
export function readMounts(text = readFileSync("/proc/self/mountinfo", "utf8")): Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      return { point: unescaped(before.split(" ")[4] ?? "/"), type: after.split(" ")[0] ?? "" };
    });
}

const above = (path: string) => path.slice(0, Math.max(1, path.lastIndexOf("/")));

/** The root of the subvolume that a path lies in. */
function subvolumeOf(path: string, mount: string): string {
  for (let at = path; at.length >= mount.length; at = above(at)) {
    const stats = lstatSync(toBytes(at), { bigint: true, throwIfNoEntry: false });
    if (stats?.isDirectory() && stats.ino === SUBVOLUME) return at;
    if (at === "/") break;
  }
  return mount;
}

/** Where an absolute path lies. */
export function placeOf(path: string, mounts: readonly Mount[]): Place {
  const holds = ({ point }: Mount) => isWithin(path, point);
  const longest = mounts
    .filter(holds)
    .reduce<Mount>((best, m) => (m.point.length >= best.point.length ? m : best), {
      point: "/",
      type: "",
    });
  const subvolume = longest.type === "btrfs" ? subvolumeOf(path, longest.point) : "";
  return { type: longest.type, mount: longest.point, subvolume };
}
