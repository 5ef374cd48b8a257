/**
 * What the model's processes are made of: the very steps of `src/repo/protocol`, with the least
 * world around them that they need (which chunks a backup wants, which packs a prune fancies).
 *
 * Locals are plain values; equal values are one state. Chunks are letters; a row is `a@pack`.
 */
import type { Action, Answer, Listing, Stored } from "../../src/repo/protocol/records.ts";

/** An object as the model's store shows it: bulk comes with what is in it. */
export type Found = Stored & { readonly content?: string };

export interface Flight {
  readonly kind: Listing;
  readonly name: string;
  readonly content: string;
}

export type Move =
  | (Flight & { readonly do: "put"; readonly record: Stored })
  | Exclude<Action, { do: "work" | "put" }>
  | { readonly do: "await"; readonly name: string };

export type Reply =
  | { readonly did: "put"; readonly known: boolean }
  | { readonly did: "list"; readonly found: readonly Found[] }
  | { readonly did: "remove" }
  | { readonly did: "read"; readonly content: string | null }
  | { readonly did: "await"; readonly record: Stored };

export interface Local {
  /** Snapshots acknowledged by this process, or acted upon. */
  readonly acked?: readonly string[];
  /** A put whose outcome its process never learned. */
  readonly flight?: Flight | null;
}

/** An object that a process may put, whatever it then holds. */
export interface Made {
  readonly kind: Listing;
  readonly name: string;
  readonly record: Stored;
}

/**
 * What a process may still do, and what may still make a difference to it: the ground on which
 * states are told to be alike and steps to commute. Too much is slow; too little would hide
 * something, and is found out: `World` checks each of a process's steps against what was foreseen.
 */
export interface Ahead<L extends Local> {
  /** Every object that the process may ever put. */
  readonly makes: readonly Made[];
  /** Whether it may yet put or remove the object. */
  alters(local: L, record: Stored): boolean;
  /** Whether an answer yet to come may be another for the object's sake. */
  heeds(local: L, record: Stored): boolean;
  /** Whether the answer to what it lists or reads now may be. */
  cares(local: L, record: Stored): boolean;
  /** Whether it remembers having seen the object, in a way that still matters. */
  views(local: L, record: Stored): boolean;
  /** Whether it means to act on the object, which would make no difference if that is gone. */
  mentions(local: L, record: Stored): boolean;
  without(local: L, gone: readonly Stored[]): L;
  /** The same local, without what makes no difference to anything it can still do. */
  forget(local: L): L;
  /** Whether the answer is settled by these objects, whatever else the listing shows. */
  enough(local: L, found: readonly Found[]): boolean;
}

/** Foresees nothing in particular; `kinds` says what may still be changed and listed. */
export function ahead<L extends Local>(
  makes: readonly Made[],
  kinds: (local: L) => { readonly alters: readonly Listing[]; readonly heeds: readonly Listing[] },
): Ahead<L> {
  return {
    makes,
    alters: (l, r) => kinds(l).alters.includes(nameOf(r).kind),
    heeds: (l, r) => kinds(l).heeds.includes(nameOf(r).kind),
    cares: (l, r) => kinds(l).heeds.includes(nameOf(r).kind),
    views: () => false,
    mentions: () => false,
    without: (l) => l,
    forget: (l) => l,
    enough: () => false,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a world runs processes of every kind
export interface Actor<L extends Local = any> {
  readonly start: L;
  move(local: L): Move;
  /** More than one where the environment may choose. */
  answer(local: L, reply: Reply): L[];
  /** Crashed at this very moment and started again; empty where it may not. */
  restart(local: L): L[];
  /** Lists what is there and puts what follows in the same step. */
  readonly atOnce?: boolean;
  /** Whether the outcome of its puts may stay unknown. */
  readonly doubts?: boolean;
  readonly ahead: Ahead<L>;
}

/** What the environment around the steps does otherwise than it should, to see a guard matter. */
export interface Slips {
  readonly wholeParent?: boolean;
  readonly keepListing?: boolean;
  readonly sameClaim?: boolean;
  readonly unindexedKeepers?: boolean;
  readonly contentsByIndex?: boolean;
  readonly pardon?: boolean;
  readonly sameName?: boolean;
  readonly goOnWhenLost?: boolean;
}

export const union = (...parts: string[]) => [...new Set(parts.join(""))].sort().join("");
export const minus = (a: string, b: string) => [...a].filter((x) => !b.includes(x)).join("");
export const both = (a: string, b: string) => [...a].filter((x) => b.includes(x)).join("");

export function rowsOf(found: readonly Found[]): string[] {
  const rows = found.flatMap((f) => (f.content ? f.content.split(",") : []));
  return [...new Set(rows)].sort();
}

export function nameOf(record: Stored): { kind: Listing; name: string } {
  switch (record.type) {
    case "claim":
      return { kind: "claim", name: `claim ${record.claim}` };
    case "end":
      return { kind: "claim", name: `end ${record.claim}` };
    case "intent":
    case "withdrawn":
      return { kind: "fence", name: `${record.type} ${record.claim} by ${record.sweep}` };
    case "fence":
      return { kind: "fence", name: `fence ${record.claim}` };
    case "tombstone":
      return { kind: "tombstone", name: `tombstone ${record.snapshot}` };
    case "run":
      return { kind: "index", name: record.name };
    default:
      return { kind: record.type, name: record.name };
  }
}

export function made(record: Stored): Made {
  return { ...nameOf(record), record };
}

/** The pack that a run is put for; null for a run that may name any. */
export function packOf(run: string): string | null {
  return /^m/.test(run) ? null : run.replace(/^r/, "p").replace(/r$/, "p");
}

/** The removal of the object that holds a record. */
export function removing(record: Stored): Move {
  return { do: "remove", ...nameOf(record) };
}

/** The put of a record; its content matters where one name may come with several. */
export function putting(record: Stored): Move {
  const content = record.type === "condemned" ? JSON.stringify(record) : "";
  return { do: "put", ...nameOf(record), content, record };
}

export function putBulk(kind: "pack" | "index", name: string, content: string): Move {
  return {
    do: "put",
    kind,
    name,
    content,
    record: { type: kind === "pack" ? "pack" : "run", name },
  };
}

export const rowsFor = (chunks: string, pack: string) =>
  [...chunks].map((c) => `${c}@${pack}`).join(",");

/** What a step of the protocol is told. */
export function plain(reply: Reply): Answer {
  if (reply.did === "read") return { did: "read", gone: reply.content === null };
  return reply.did === "await" ? { did: "remove" } : reply;
}
