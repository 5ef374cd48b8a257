/** What a unit says of what it holds: the same question of a clone, and of what was restored. */
import { createHash } from "node:crypto";
import { Failure } from "../base/failure.ts";
import { type Answers, unitId } from "../base/state.ts";
import type { StateUnit } from "../instance/descriptor.ts";
import { act, type Scene } from "./steps/run.ts";

/** The result of an answer in JSON-RPC, which has more around it; any other as it is. */
function result(said: string): string {
  try {
    const answer = JSON.parse(said) as { result?: unknown } | null;
    if (typeof answer !== "object" || answer?.result === undefined) return said;
    const { result: held } = answer;
    return typeof held === "string" ? held : JSON.stringify(held);
  } catch {
    return said;
  }
}

/** The sum of the lines that are whole numbers: of several databases each says its own. */
export function countIn(said: string): number {
  const lines = result(said).split("\n");
  const numbers = lines.filter((line) => /^\s*\d+\s*$/.test(line)).map(Number);
  if (numbers.length > 0) return numbers.reduce((sum, n) => sum + n, 0);
  throw new Failure(
    "not_still",
    `answered ${JSON.stringify(said.slice(0, 60))}, which is no count`,
  );
}

export const isAsked = ({ count, digest }: StateUnit): boolean => count !== null || digest !== null;

/** Asks what a unit's descriptor says; `deadline` is of the runtime's clock. */
export async function answersOf(scene: Scene, unit: StateUnit, deadline: number): Promise<Answers> {
  const { count, digest } = unit;
  const held = count === null ? null : countIn(await act(scene, count, deadline));
  const said = digest === null ? null : result(await act(scene, digest, deadline));
  const hash = said === null ? null : createHash("sha256").update(said).digest("hex");
  return { count: held, digest: hash };
}

/** One line for what is not as it was recorded; null when all that both have is the same. */
export function difference(unit: StateUnit, was: Answers, is: Answers): string | null {
  const said = (what: string, before: unknown, now: unknown) =>
    `${unitId(unit)}: the snapshot recorded ${what} ${before}, the restored service has ${now}`;
  if (was.count !== null && is.count !== null && was.count !== is.count) {
    return said("a count of", was.count, is.count);
  }
  if (was.digest !== null && is.digest !== null && was.digest !== is.digest) {
    return said("the digest", was.digest.slice(0, 16), is.digest.slice(0, 16));
  }
  return null;
}
