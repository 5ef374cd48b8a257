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
  /** Kinds that it may yet put or remove; too many is slow, too few is wrong. */
  changes(local: L): readonly Listing[];
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

function nameOf(record: Stored): { kind: Listing; name: string } {
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
