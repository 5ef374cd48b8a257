/**
 * What a descriptor says of an instance: its services, their state units, and how each is made to
 * stand still and comes back.
 *
 * Everything is data. A hook is a list of steps, each an argument array or a question in a
 * protocol; nothing is ever given to a shell. Paths and sockets are text as `toText` makes it,
 * relative to the root of the instance where they are not absolute; times are in milliseconds.
 */
import type { Engine, UnitClass } from "../base/state.ts";

/** Where something was declared: `built-in`, or a file and its line. */
export interface Declared {
  readonly file: string;
  /** From 1; 0 for what is built in. */
  readonly line: number;
}

/** One running installation, as its descriptors tell it. */
export interface Instance {
  readonly name: string;
  /** Absolute, without a slash at its end. */
  readonly root: string;
  readonly supervisor: Supervisor | null;
  /** In the order in which they were declared. */
  readonly services: readonly Service[];
}

/** What starts and stops the services. */
export interface Supervisor {
  readonly protocol: "zinit" | "systemd";
  /** Empty for systemd. */
  readonly socket: string;
  /** How it is asked to start a service, which it calls `{service}`; null: it is not asked. */
  readonly start: Hook | null;
  readonly declared: Declared;
}

export interface Service {
  readonly name: string;
  readonly declared: Declared;
  /** Declared by the instance; or built in, and tried against a running one or not. */
  readonly origin: "declared" | "verified" | "unverified";
  /** Services that must run before this one: it stops before them. */
  readonly dependsOn: readonly string[];
  readonly processes: Processes;
  /** TCP ports that it listens on. */
  readonly ports: readonly number[];
  readonly stop: Stop | null;
  readonly start: Hook | null;
  readonly health: Hook | null;
  readonly units: readonly StateUnit[];
}

/** How a service's processes are found; what is null is not asked. Children count in any case. */
export interface Processes {
  /** Its name at the supervisor. */
  readonly supervised: string | null;
  /** A file that holds the number of its first process. */
  readonly pidFile: string | null;
  /** A socket it listens on: the peer is its process. */
  readonly socket: string | null;
  /** Path below the cgroup file system; holds nothing but this service. */
  readonly cgroup: string | null;
  /** What `/proc/PID/exe` must lead to; checked, never searched for. */
  readonly executable: string | null;
}

/** How contexts are kept apart; `path`, `file` and `database` can be copied one by one. */
export const SEPARATIONS = [
  "path",
  "file",
  "database",
  "rows",
  "key-prefix",
  "git",
  "none",
] as const;
export type Separation = (typeof SEPARATIONS)[number];

/** What acknowledged data survives: kill -9 of the engine, a power cut as well, or neither. */
export const CRASH_SAFE = ["process", "power", "no"] as const;
export type CrashSafe = (typeof CRASH_SAFE)[number];

/** One declared piece of a service's state. */
export interface StateUnit {
  /** `service/id` is unique in the instance. */
  readonly id: string;
  readonly service: string;
  readonly declared: Declared;
  /** Globs: `*`, `?`, `**`, `{context}`. A folder that matches is claimed with all below it. */
  readonly paths: readonly string[];
  /** Globs of what is not of this unit although `paths` has it. */
  readonly except: readonly string[];
  readonly engine: Engine;
  readonly class: UnitClass;
  readonly separation: Separation;
  /** What a name found at `{context}` is called as a context, where that differs. */
  readonly contextNames: Readonly<Record<string, string>>;
  /** Nothing need match it yet. */
  readonly optional: boolean;
  /** Ids of units, `service/id`, that are worthless unless cut at the same moment. */
  readonly cutWith: readonly string[];
  readonly schema: Schema | null;
  /** How a derived unit is made again. */
  readonly rebuild: Hook | null;
  /** Null: the engine's own default; see `crashSafeOf`. */
  readonly crashSafe: CrashSafe | null;
  /** Null: nothing to flush. */
  readonly flush: Flush | null;
  readonly drain: Drain | null;
  /** Null: its engine is not asked for a copy. */
  readonly capture: Capture | null;
  readonly verify: Verify | null;
  /** Questions with the same answer wherever the same bytes came up; null: there is none. */
  readonly count: Step | null;
  readonly digest: Step | null;
  /** What else to know, for people; one line. */
  readonly note: string;
}

/** What identifies the schema of what is inside: a fixed name, or an answer. */
export interface Schema {
  readonly name: string;
  readonly ask: Step | null;
}

/** Steps one after the other; all of them within `timeout`. */
export interface Hook {
  readonly steps: readonly Step[];
  readonly timeout: number;
  readonly onFailure: "fail" | "continue";
}

/** Hands everything that was acknowledged to the file system; one step at least is observed. */
export interface Flush extends Hook {
  /** Puts back what the steps changed; the watchdog does it, too. */
  readonly undo: readonly Step[];
}

/**
 * How a unit shows on a clone of its cut that it comes up. In its texts `{clone}` is the root of
 * the instance there, `{root}` the running one's, which is read-only, `{path}` one path of `each`,
 * and `{file:PATH}` what a file of the instance holds.
 */
export interface Verify {
  /** The unit that shows it for this one, too, `service/id`; null: this one is tried itself. */
  readonly with: string | null;
  /** A program that runs while the service's health and the steps are asked; null: none does. */
  readonly start: readonly string[] | null;
  readonly steps: readonly Step[];
  /** Globs: the steps are done for each path of the clone that matches; none: once. */
  readonly each: readonly string[];
  readonly timeout: number;
}

/** Nothing is written for `steady` milliseconds after the callers stand. */
export interface Drain {
  /** Its answer is a write counter; null: the unit's files are watched instead. */
  readonly ask: Step | null;
  readonly steady: number;
  readonly timeout: number;
}

/** How the engine itself copies a unit while it runs. */
export interface Capture {
  /**
   * Programs and their arguments, one after the other, for each file or folder of the unit. In them
   * stand `{path}` for where it is, `{to}` for where the copy goes, and in one that is repeated for
   * each tablespace `{space}` and `{space-to}` for the same of it.
   */
  readonly commands: readonly (readonly string[])[];
  /** For all of the unit. */
  readonly timeout: number;
}

/** The end of a service, and what proves that it was a clean one. */
export interface Stop {
  readonly signal: string;
  /** Asked instead of the signal, where there are any. */
  readonly steps: readonly Step[];
  readonly timeout: number;
  /** Status that a clean end has; null: none is a proof. */
  readonly exit: number | null;
  /** Globs of which nothing is left after a clean end, such as a write-ahead log. */
  readonly absent: readonly string[];
}

/** What every step can say besides what it does. */
interface Observed {
  /** The answer must hold this text, at once. */
  readonly expect: string | null;
  /** The step is repeated until its answer holds this text. */
  readonly until: string | null;
}

/** A program and its arguments, never a line for a shell. */
export interface CommandStep extends Observed {
  readonly kind: "command";
  readonly command: readonly string[];
}

/** JSON-RPC 2.0 over a Unix socket: line by line, or by POST where `path` is given. */
export interface RpcStep extends Observed {
  readonly kind: "rpc";
  readonly socket: string;
  readonly path: string | null;
  readonly method: string;
  /** JSON. */
  readonly params: string;
}

/** GET over HTTP on a Unix socket; a status from 200 to 299 is an answer. */
export interface HttpStep extends Observed {
  readonly kind: "http";
  readonly socket: string;
  readonly path: string;
}

/** One Redis command on a Unix socket. `{marker}` in it is a value of this run. */
export interface RedisStep extends Observed {
  readonly kind: "redis";
  readonly socket: string;
  readonly command: readonly string[];
  /** Databases to SELECT first, each in its turn; `*` is every one that the unit's files show. */
  readonly databases: readonly string[];
  /** How often it is sent to each. */
  readonly times: number;
  /** File with the secret that is sent first, a line end apart; null: none is. */
  readonly secretFile: string | null;
  /** The command that the secret follows, such as `AUTH`. */
  readonly auth: string;
}

/** One statement on a PostgreSQL socket folder. */
export interface PostgresStep extends Observed {
  readonly kind: "postgres";
  readonly socket: string;
  readonly database: string;
  readonly user: string;
  readonly query: string;
}

/** Lets time pass. */
export interface WaitStep extends Observed {
  readonly kind: "wait";
  readonly milliseconds: number;
}

export type Step = CommandStep | RpcStep | HttpStep | RedisStep | PostgresStep | WaitStep;
