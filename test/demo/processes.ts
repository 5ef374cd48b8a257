/** Processes by what `/proc` says of them: who is whose child, and who is still the same. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Seen {
  readonly pid: number;
  readonly parent: number;
  /** Its number in the innermost namespace. */
  readonly inner: number;
}

/** Processes of the namespace that a process is in. */
export function neighbours(of: number): Seen[] {
  const space = (pid: number | string) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/pid`);
    } catch {
      return "";
    }
  };
  const here = space(of);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && space(name) === here)
    .flatMap((name) => {
      try {
        const status = readFileSync(`/proc/${name}/status`, "utf8");
        const parent = Number(/^PPid:\t(\d+)/m.exec(status)?.[1] ?? 0);
        const inner = Number(/^NSpid:.*\t(\d+)$/m.exec(status)?.[1] ?? 0);
        return [{ pid: Number(name), parent, inner }];
      } catch {
        return [];
      }
    });
}

/** A process with everything below it, parents first. */
export function family(pid: number, seen: readonly Seen[]): number[] {
  const below = seen.filter(({ parent }) => parent === pid);
  return [pid, ...below.flatMap((child) => family(child.pid, seen))];
}

/** A process by its number and the moment it began: a number alone may be another's by now. */
export interface Known {
  readonly pid: number;
  readonly began: string;
}

/** Null when there is none, or it has ended. */
export function know(pid: number): Known | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // What has ended and is not yet waited for by its parent does nothing any more.
    return fields[0] === "Z" ? null : { pid, began: fields[19] ?? "" };
  } catch {
    return null;
  }
}

export const lives = ({ pid, began }: Known): boolean => know(pid)?.began === began;

/** Whether it has ended within some seconds. */
export async function isGone(known: Known, seconds: number): Promise<boolean> {
  for (let i = 0; i < seconds * 50 && lives(known); i++) await sleep(20);
  return !lives(known);
}
