/** Which unit and context claim a path: globs over paths as text, matched level by level. */
import type { StateUnit } from "./descriptor.ts";
import { companions } from "./engines.ts";

/** One unit's claim on a path, for one context; an empty one is the instance's own. */
export interface Claim {
  readonly unit: StateUnit;
  readonly context: string;
  /** Letters of its glob that stand for themselves: the longest glob of a unit decides. */
  readonly weight: number;
}

interface Rule {
  readonly unit: StateUnit;
  readonly matcher: RegExp;
  /** Names in a path that can match; null: any number. */
  readonly depth: number | null;
  readonly weight: number;
}

const SPECIAL = /[.+^$()|[\]\\/{}]/g;

function part(text: string): string {
  return text
    .split("{context}")
    .map((piece) => piece.replace(SPECIAL, "\\$&").replaceAll("*", "[^/]*").replaceAll("?", "[^/]"))
    .join("(?<context>[^/]+)");
}

/** A glob as an expression over a whole path without a slash at its end. */
export function compile(glob: string): RegExp {
  const source = glob
    .split("/")
    .map((name, at, all) => {
      const last = at === all.length - 1;
      if (name !== "**") return part(name) + (last ? "" : "/");
      return last ? ".+" : "(?:[^/]+/)*";
    })
    .join("");
  return new RegExp(`^${source}$`, "su");
}

const depthOf = (path: string) => path.split("/").length;

function ruleOf(unit: StateUnit, glob: string): Rule {
  return {
    unit,
    matcher: compile(glob),
    depth: glob.split("/").includes("**") ? null : depthOf(glob),
    weight: glob.replace(/\*|\?|\{context\}/g, "").length,
  };
}

/** All globs of an instance; the walk asks it at each name. */
export class Claims {
  private readonly paths: readonly Rule[];
  private readonly except: readonly Rule[];

  constructor(units: readonly StateUnit[]) {
    this.paths = units.flatMap((unit) =>
      unit.paths
        .flatMap((glob) => [glob, ...companions(unit.engine, glob)])
        .map((glob) => ruleOf(unit, glob)),
    );
    this.except = units.flatMap((unit) => unit.except.map((glob) => ruleOf(unit, glob)));
  }

  /** Claims on one path, from those on the folder that it lies in. */
  at(path: string, above: readonly Claim[]): readonly Claim[] {
    const depth = depthOf(path);
    const near = (rule: Rule) => rule.depth === null || rule.depth === depth;
    const found = new Map(above.map((claim) => [claim.unit, claim]));
    for (const { unit, matcher, weight } of this.paths.filter(near)) {
      const match = matcher.exec(path);
      if (match === null || (found.get(unit)?.weight ?? -1) > weight) continue;
      const name = match.groups?.context ?? "";
      found.set(unit, { unit, context: unit.contextNames[name] ?? name, weight });
    }
    for (const { unit, matcher } of this.except.filter(near)) {
      if (found.has(unit) && matcher.test(path)) found.delete(unit);
    }
    return found.size === 0 ? NONE : [...found.values()];
  }
}

const NONE: readonly Claim[] = [];
