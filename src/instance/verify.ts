/** Reads how a unit is tried on a clone. */
import type { Verify } from "./descriptor.ts";
import { command, stepOf } from "./steps.ts";
import type { Table } from "./toml.ts";

/** A start and a recovery take longer than a question. */
const TIMEOUT = 60_000;

export function verifyOf(table: Table, service: string): Verify | null {
  const inner = table.table("verify");
  if (inner === undefined) return null;
  const other = inner.text("with");
  const verify = {
    with: other === undefined || other.includes("/") ? (other ?? null) : `${service}/${other}`,
    start: inner.has("start") ? command(inner, "start") : null,
    steps: inner.tables("steps").map(stepOf),
    each: inner.texts("each") ?? [],
    timeout: inner.count("timeout") ?? TIMEOUT,
  };
  inner.done();
  const tries = verify.start !== null || verify.steps.length > 0;
  if ((verify.with === null) !== tries) {
    throw table.fault("verify", "verify must have either with, or start, steps or both of them");
  }
  if (verify.each.length > 0 && verify.steps.length === 0) {
    throw inner.fault("each", "each goes with steps");
  }
  return verify;
}

export function portsOf(table: Table): number[] {
  const ports = table.counts("ports") ?? [];
  const wrong = ports.find((port) => port < 1 || port > 65_535);
  if (wrong !== undefined) throw table.fault("ports", `${wrong} is no port`);
  return ports;
}
