/** Which units a backup of an instance takes, and why it leaves the others: a pure function. */
import { Failure } from "../base/failure.ts";
import { unitId } from "../base/state.ts";
import type { StateUnit } from "./descriptor.ts";
import { type Facts, type Holding, holdingKey } from "./facts.ts";
import { isSaved } from "./inventory.ts";
import { isContextName } from "./parse.ts";
import { fault } from "./toml.ts";

export interface Selection {
  /** Names of services; absent: all. */
  readonly services?: readonly string[];
  readonly contexts?: readonly string[];
}

/** One holding that is saved. */
export interface Taken {
  readonly holding: Holding;
  /** Paths below it that are not saved, with the reason. */
  readonly holes: readonly { readonly path: string; readonly why: string }[];
}

/** One that is not. */
export interface Left {
  readonly holding: Holding;
  readonly why: string;
}

export interface Choice {
  readonly taken: readonly Taken[];
  readonly left: readonly Left[];
}

const WHY: Partial<Record<StateUnit["class"], string>> = {
  "derived-cheap": "derived, cheap to make again",
  cache: "a cache",
  ephemeral: "ephemeral",
};

/** Whether one context's part can be copied alone. */
const isSeparable = ({ separation, paths }: StateUnit): boolean =>
  ["path", "file", "database"].includes(separation) &&
  paths.every((path) => path.includes("{context}"));

/** Fails with `descriptor` when what is declared is not what is there. */
export function refuseMisfit({ instance, holdings, doubled }: Facts): void {
  for (const unit of instance.services.flatMap(({ units }) => units)) {
    if (unit.optional || holdings.some((holding) => holding.unit === unit)) continue;
    const { file, line } = unit.declared;
    throw fault(file, line, `unit ${unitId(unit)} matches nothing: ${unit.paths.join(" ")}`);
  }
  const [first] = doubled;
  if (first === undefined) return;
  const more = doubled.length > 1 ? `, and ${doubled.length - 1} more are claimed twice` : "";
  throw new Failure(
    "descriptor",
    `${first.path} is claimed by ${first.units.join(" and ")}${more}`,
  );
}

function refuseUnknown({ instance, holdings }: Facts, selection: Selection): void {
  const services = instance.services.map(({ name }) => name);
  for (const name of selection.services ?? []) {
    if (services.includes(name)) continue;
    throw new Failure("usage", `there is no service ${name}; there are: ${services.join(" ")}`);
  }
  const contexts = [...new Set(holdings.map(({ context }) => context))].filter((c) => c !== "");
  for (const name of selection.contexts ?? []) {
    if (!isContextName(name)) {
      throw new Failure("usage", `${JSON.stringify(name)} is no name of a context`);
    }
    if (contexts.includes(name)) continue;
    const known = contexts.sort().join(" ") || "none";
    throw new Failure("usage", `there is no context ${name}; there are: ${known}`);
  }
}

/** Fails with `invalid`, naming every unit that a context cannot be taken out of. */
function refuseInseparable(holdings: readonly Holding[], contexts: readonly string[]): void {
  const units = [...new Set(holdings.map(({ unit }) => unit))];
  const whole = units.filter((unit) => !isSeparable(unit));
  if (whole.length === 0) return;
  const names = whole
    .map((unit) => `${unitId(unit)} (${unit.separation})`)
    .sort()
    .join(", ");
  const message = `context ${contexts.join(" ")} cannot be separated in: ${names}`;
  throw new Failure("invalid", message);
}

/**
 * What a backup takes. Fails with `usage` for a service or context that is not there, `invalid`
 * when a context cannot be separated, `descriptor` when descriptors do not fit the instance.
 */
export function choose(facts: Facts, selection: Selection): Choice {
  refuseUnknown(facts, selection);
  refuseMisfit(facts);
  const { services, contexts } = selection;
  const inScope = facts.holdings.filter(
    ({ unit }) => services === undefined || services.includes(unit.service),
  );
  if (contexts !== undefined) {
    refuseInseparable(
      inScope.filter(({ unit }) => isSaved(unit)),
      contexts,
    );
  }
  const wanted = inScope.filter(
    ({ context }) => contexts === undefined || contexts.includes(context),
  );
  const owned = new Map(facts.leftOut.map(({ path, why }) => [path, why]));
  const taken = wanted
    .filter(({ unit }) => isSaved(unit))
    .map((holding) => ({
      holding,
      holes: holding.holes.map((path) => ({ path, why: owned.get(path) ?? "of another unit" })),
    }));
  if (taken.length === 0) throw new Failure("invalid", "nothing of what was chosen is ever saved");
  const left = wanted
    .filter(({ unit }) => !isSaved(unit))
    .map((holding) => ({ holding, why: WHY[holding.unit.class] ?? "" }));
  const byKey = <T extends { holding: Holding }>(a: T, b: T) =>
    holdingKey(a.holding) < holdingKey(b.holding) ? -1 : 1;
  return { taken: taken.sort(byKey), left: left.sort(byKey) };
}
