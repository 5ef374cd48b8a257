/**
 * Feature flags per class of operation: whether this holdall may still read, write, prune, repair.
 */
import { Failure } from "../base/failure.ts";
import type { Value } from "./canonical.ts";
import { Fields } from "./fields.ts";

export const OPERATIONS = ["read", "write", "prune", "repair"] as const;
export type Operation = (typeof OPERATIONS)[number];
export type Flags = { readonly [O in Operation]: readonly string[] };

const KNOWN: readonly string[] = [];

export const NO_FLAGS: Flags = { read: [], write: [], prune: [], repair: [] };

export function encodeFlags(flags: Flags): Value {
  return OPERATIONS.map((operation) => [...flags[operation]]);
}

export function decodeFlags(value: Value): Flags {
  const f = Fields.of(value, "feature flags", OPERATIONS.length);
  const texts = () => f.list().map((flag) => Fields.of([flag], "feature flag", 1).text());
  return { read: texts(), write: texts(), prune: texts(), repair: texts() };
}

/** Refuses an operation for which a flag is set that this holdall does not know. */
export function allow(operation: Operation, flags: Flags, what: string): void {
  const unknown = flags[operation].filter((flag) => !KNOWN.includes(flag));
  if (unknown.length === 0) return;
  throw new Failure(
    "newer_format",
    `${what} needs features to ${operation} that this holdall does not know: ${unknown.join(", ")}`,
  );
}
