/** A failure as people and programs are told it. */
import { shown } from "../base/bytes.ts";
import { type Failure, toFailure } from "../base/failure.ts";
import { paint } from "./terminal.ts";

/** Prints a failure; gives the exit status that it stands for. */
export function report(failure: Failure, json: boolean): number {
  const { code, hint, exit } = failure;
  const message = failure.message.replaceAll("\n", " ");
  if (json) {
    process.stdout.write(`${JSON.stringify({ event: "error", code, message, hint, exit })}\n`);
  }
  const lines = [`${paint("red", "holdall:")} ${shown(message)}`, `  ${paint("faint", hint)}`];
  if (process.env.HOLDALL_DEBUG) lines.push(shownStack(failure));
  process.stderr.write(`${lines.join("\n")}\n`);
  return exit;
}

function shownStack(failure: Failure): string {
  const stacks = [failure.stack, failure.cause instanceof Error ? failure.cause.stack : undefined];
  return stacks.flatMap((s) => (s === undefined ? [] : s.split("\n").map(shown))).join("\n");
}

/** Does one of several things that do not depend on each other; a failure is told, not thrown. */
export async function attempt(json: boolean, act: () => Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    return report(toFailure(error), json);
  }
}
