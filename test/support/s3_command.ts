/** The built command in a process of its own, at a repository in a bucket. */
import { type ChildProcess, spawn } from "node:child_process";
import { MAIN } from "./command.ts";
import type { Keys } from "./s3server.ts";

export interface Ended {
  readonly status: number | null;
  /** Standard output and standard error, as they came. */
  readonly said: string;
}

/** Everything that a process knows of its repository; `home` holds its key file, too. */
export function environment(home: string, address: string, endpoint: string, keys: Keys) {
  return {
    PATH: process.env.PATH ?? "",
    HOME: home,
    HOLDALL_REPOSITORY: address,
    HOLDALL_KEYFILE: `${home}/key`,
    HOLDALL_WORKERS: "2",
    HOLDALL_DEBUG: "1",
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_SESSION_TOKEN: keys.sessionToken ?? "",
  };
}

/** Runs the command to its end; `started` gets its process. */
export function command(
  args: string[],
  env: Record<string, string>,
  started: (child: ChildProcess) => void = () => undefined,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: "pipe" });
    let said = "";
    for (const out of [child.stdout, child.stderr]) out.on("data", (b: Buffer) => (said += b));
    started(child);
    child.on("close", (status) => resolve({ status, said }));
  });
}
