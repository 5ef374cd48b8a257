/** The sealed config: identity of a repository and what a tool must know to touch it. */
import { Failure } from "../base/failure.ts";
import { encode } from "./canonical.ts";
import { Fields } from "./fields.ts";
import { decodeFlags, encodeFlags, type Flags, NO_FLAGS } from "./flags.ts";
import { decodeRetired, encodeRetired, RETIRED } from "./retired.ts";

export interface Config {
  readonly lineage: Buffer;
  readonly replica: Buffer;
  readonly generation: number;
  /** Seconds since 1970. */
  readonly created: number;
  readonly flags: Flags;
  /** Hashes of the stored bytes of key slots that are no longer accepted. */
  readonly retired: readonly Buffer[];
}

export function encodeConfig(
  c: Omit<Config, "flags" | "retired"> & { readonly retired?: readonly Buffer[] },
  flags: Flags = NO_FLAGS,
): Buffer {
  const extensions = encodeRetired(c.retired ?? []);
  return encode([1, c.lineage, c.replica, c.generation, c.created, encodeFlags(flags), extensions]);
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
    flags: decodeFlags(f.raw()),
  };
  const retired = decodeRetired(f.extensions([RETIRED]).get(RETIRED));
  return { ...config, retired };
}
