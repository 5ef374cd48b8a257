/**
 * The S3 servers that tests are run against, and where their programs are.
 *
 * A server is looked for on PATH and in the folder where `.ci/run` installs it. Where it is absent,
 * its tests are skipped with the line that installs it; in CI that is a failure.
 */
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

export const SERVERS = ["versitygw", "minio"] as const;
export type ServerKind = (typeof SERVERS)[number];

const INSTALL: Record<ServerKind, string> = {
  versitygw: "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0",
  minio: "go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
};

/** Where `.ci/run` keeps what it installed. */
const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "holdall-ci");

/** The path of a server's program; or why there is none, which in CI is an error. */
export function findServer(kind: ServerKind): { path: string } | { missing: string } {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), CACHE]) {
    try {
      accessSync(join(folder, kind), constants.X_OK);
      return { path: join(folder, kind) };
    } catch {
      // The next folder may have it.
    }
  }
  const missing = `${kind} is not installed: GOBIN=${CACHE} ${INSTALL[kind]}`;
  if (process.env.HOLDALL_CI) throw new Error(missing);
  return { missing };
}
