/** The options of a backup that has an instance stand still. */
import { ACROSS, Failure, INSIDE, type Least, type StandOptions } from "../index.ts";
import { stateFolder } from "./settings.ts";

export interface StillFlags {
  readonly maxPause?: string;
  readonly require?: string;
}

/** `process-crash`, or `process-crash,one moment`. */
function least(text: string): Least {
  const [first = "", second = "none"] = text.split(",").map((word) => word.trim());
  const inside = INSIDE.find((word) => word === first);
  const across = ACROSS.find((word) => word.replace(" ", "-") === second.replace(" ", "-"));
  if (inside === undefined || across === undefined) {
    const words = `${[...INSIDE].reverse().join(" ")}; after a comma ${[...ACROSS].reverse().join(", ")}`;
    throw new Failure("usage", `--require ${text}: no level; there are: ${words}`);
  }
  return { inside, across };
}

function milliseconds(text = "5"): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 600)) {
    throw new Failure("usage", `--max-pause ${text}: seconds, more than 0 and at most 600`);
  }
  return Math.round(seconds * 1000);
}

/** Fails with `usage`. */
export function standOptions({ maxPause, require }: StillFlags): StandOptions {
  return {
    maxPause: milliseconds(maxPause),
    ...(require === undefined ? {} : { require: least(require) }),
    stateFolder: stateFolder(),
  };
}
