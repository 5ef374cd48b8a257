/** Everything that an inventory looks up: what lies where, whose it is, and who has it open. */
import { unitId } from "../base/state.ts";
import type { Instance, StateUnit } from "./descriptor.ts";

/** What one unit holds for one context. */
export interface Holding {
  readonly unit: StateUnit;
  /** Empty for what is of no single context. */
  readonly context: string;
  /** Where it begins: the highest paths that the unit claims. Relative ones lie below the root. */
  readonly tops: string[];
  /** Paths below those that are not of this unit. */
  readonly holes: string[];
  files: number;
  bytes: number;
  /** Milliseconds since 1970; 0 where nothing was written. */
  newest: number;
  readonly places: Place[];
  readonly openBy: Opener[];
}

/** A file system, as one mount shows it. */
export interface Place {
  readonly type: string;
  readonly mount: string;
  /** Path of the btrfs subvolume's root; empty on others. */
  readonly subvolume: string;
}

/** A process that has something of a unit open. */
export interface Opener {
  readonly pid: number;
  readonly name: string;
  readonly how: "reads" | "writes" | "maps";
}

/** Something that is in no snapshot although a unit has it. */
export interface LeftOut {
  readonly path: string;
  readonly unit: string;
  readonly why: string;
}

export interface Unclaimed {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

export interface Doubled {
  readonly path: string;
  readonly bytes: number;
  /** `service/unit` of each that claims it. */
  readonly units: string[];
}

const OUTSIDE = [
  ...(["user", "group", "unit", "cron", "certificate", "package", "link"] as const),
  /** A file that embeds secrets and is of no secret unit. */
  "credential",
] as const;

/** What belongs to the instance and lies in no unit of it, or in none that says what it is. */
export interface Outside {
  readonly kind: (typeof OUTSIDE)[number];
  readonly name: string;
  readonly detail: string;
}

/** What this run may do. */
export interface Powers {
  /** Processes of others can be stopped. */
  readonly privileged: boolean;
  /** The supervisor's socket is there; true where there is no supervisor. */
  readonly supervisor: boolean;
}

/** What no unit claims, or not one alone, and what is not saved. */
export interface Rest {
  readonly unclaimed: readonly Unclaimed[];
  readonly doubled: readonly Doubled[];
  readonly leftOut: readonly LeftOut[];
  readonly sockets: readonly string[];
  readonly troubles: readonly (readonly [path: string, reason: string])[];
  readonly outside: readonly Outside[];
}

export interface Facts extends Rest {
  readonly instance: Instance;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly holdings: readonly Holding[];
  readonly powers: Powers;
  /** Ids of units whose services had ended, and are proved to have ended cleanly. */
  readonly ended?: ReadonlySet<string>;
  /** Bytes of each holding when the inventory was last made, by `service/unit context`. */
  readonly before: Readonly<Record<string, number>>;
  /** When that was; null: never. */
  readonly beforeAt: number | null;
}

/** How holdings are called where one text must do. */
export const holdingKey = ({ unit, context }: Pick<Holding, "unit" | "context">): string =>
  `${unitId(unit)}${context === "" ? "" : ` ${context}`}`;
