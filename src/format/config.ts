/** The sealed config: identity of a repository and what a tool must know to touch it. */
import { Failure } from "../base/failure.ts";
import { encode } from "./canonical.ts";
import { Fields } from "./fields.ts";

export const OPERATIONS = ["read", "write", "prune", "repair"] as const;

/** Feature flags this holdall knows, for every operation. */
const KNOWN: readonly string[] = [];

export interface Config {
  readonly lineage: Buffer;
  readonly replica: Buffer;
  readonly generation: number;
  /** Seconds since 1970. */
  readonly created: number;
}

export function encodeConfig(c: Config): Buffer {
  return encode([1, c.lineage, c.replica, c.generation, c.created, OPERATIONS.map(() => []), []]);
}

export function decodeConfig(bytes: Buffer): Config {
  const f = Fields.of(bytes, "config", 7);
  const version = f.int();
  if (version !== 1) throw new Failure("newer_format", `config has format version ${version}`);
  const config = {
    lineage: f.bytes(16),
    replica: f.bytes(16),
    generation: f.int(),
    created: f.int(),
  };
  const unknown = f
    .list()
    .flatMap((flags) => (flags as string[]).filter((flag) => !KNOWN.includes(flag)));
  if (unknown.length > 0) {
    throw new Failure(
      "newer_format",
      `repository needs features this holdall does not know: ${unknown.join(", ")}`,
    );
  }
  f.extensions();
  return config;
}
