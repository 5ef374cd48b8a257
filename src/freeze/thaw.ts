/**
 * Sets right what a barrier left that nobody ended: processes that stand, steps not undone. It is
 * all in the state files; a folder of them is looked through by every start.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../base/failure.ts";
import { watchdogPath } from "../seam/native.ts";

export interface Mended {
  readonly file: string;
  /** A watchdog lives, and does this itself when its time comes. */
  readonly busy: boolean;
  readonly thawed: number;
  readonly undone: number;
  /** What could not be undone; the file is kept for the next try. */
  readonly failed: readonly string[];
}

const PREFIX = "barrier-";

/** State files that are there. */
export function barriersLeft(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith(PREFIX))
      .sort();
  } catch {
    return [];
  }
}

/** A new state file's path, in a folder that only its owner may look into. */
export async function stateFile(folder: string, unique: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return join(folder, `${PREFIX}${unique}`);
}

const run = (file: string): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(watchdogPath(), [file], { encoding: "utf8" }, (error, said) => {
      if (error !== null && said === "") reject(new Failure("internal", error.message, error));
      else resolve(said.trim());
    });
  });

const text = (hex: string) => Buffer.from(hex, "hex").toString("utf8");

/** Sets right what one file says; a file that is gone was set right. */
export async function mendFile(file: string): Promise<Mended> {
  const nothing = { file, busy: false, thawed: 0, undone: 0, failed: [] };
  if (!existsSync(file)) return nothing;
  const said = (await run(file)).split(" ");
  // Its own watchdog may have been at it, and was done first.
  if (said[0] === "refused" && !existsSync(file)) return nothing;
  if (said[0] === "refused") throw new Failure("not_still", text(said[1] ?? ""));
  const failed = (said[3] ?? "").split(",").filter(Boolean).map(text);
  const [busy, thawed, undone] = [said[0] === "busy", Number(said[1] ?? 0), Number(said[2] ?? 0)];
  return { file, busy, thawed, undone, failed };
}

/** Sets right what each file says; `forget` drops steps that cannot be undone. */
export async function thaw(folder: string, forget = false): Promise<Mended[]> {
  const done: Mended[] = [];
  for (const name of barriersLeft(folder)) {
    const file = join(folder, name);
    const mended = await mendFile(file);
    if (forget && mended.failed.length > 0) await unlink(file);
    done.push(mended);
  }
  return done;
}
