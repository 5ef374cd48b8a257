/**
 * The deletion protocol's records: values of its steps as sealed objects, and back.
 *
 * Invariants: a record counts only when it speaks of what its name says; what cannot be read counts
 * as the careful thing; a tag that the admin key did not make is as good as no record to whoever
 * deletes, forgets or reads, while a writer heeds the record all the same. Nothing read once is
 * read again: records never change.
 */
import { hex, unhex } from "../base/bytes.ts";
import { Failure, type FailureCode } from "../base/failure.ts";
import { mapBounded } from "../base/map_bounded.ts";
import type { Runtime } from "../base/runtime.ts";
import { tagged, tagOf, withTag } from "../format/authority.ts";
import * as claims from "../format/claim.ts";
import * as lists from "../format/condemned.ts";
import { TYPE_OFFSET, TYPES } from "../format/header.ts";
import type { Keyring, Sealed } from "../seam/native.ts";
import type { DurableToken, Store } from "../store/store.ts";
import { bareName, bareNames, type Kind, objectPath, uploadId } from "./layout.ts";
import { getChecked, listAll, ofObject } from "./objects.ts";
import {
  type Claim,
  type Condemned,
  type End,
  type Fence,
  type Intent,
  type Kept,
  ofType,
  type Tombstone,
  type Withdrawn,
} from "./protocol/records.ts";

const FETCHES = 8;

/** Records that live in folders of their own; snapshots are read by the log. */
export type Small = Claim | End | Intent | Withdrawn | Fence | Condemned | Tombstone;

/** One stored record. */
export interface Read {
  readonly name: string;
  /** The id that its name ends with. */
  readonly id: string;
  /** Null when it cannot be read; `reason` says why. */
  readonly record: Small | null;
  readonly reason: string;
  /** The admin key made its tag; null without that key, or where there is no tag. */
  readonly authorised: boolean | null;
}

/** What a claim says beside its id. */
export interface ClaimFacts {
  readonly host: string;
  /** Milliseconds since 1970, by the writer's clock. */
  readonly time: number;
}

type SmallKind = "claim" | "fence" | "condemned" | "tombstone";

const KIND: { readonly [T in Small["type"]]: SmallKind } = {
  claim: "claim",
  end: "claim",
  intent: "fence",
  withdrawn: "fence",
  fence: "fence",
  condemned: "condemned",
  tombstone: "tombstone",
};

export class Records {
  private readonly store: Store;
  private readonly keyring: Keyring;
  private readonly runtime: Runtime;
  private readonly known = new Map<string, Read>();
  private readonly facts = new Map<string, ClaimFacts>();

  constructor(store: Store, keyring: Keyring, runtime: Runtime) {
    this.store = store;
    this.keyring = keyring;
    this.runtime = runtime;
  }

  /** Lists a folder and reads every record of it that was not read before. */
  async list(kind: SmallKind, wanted: (id: string) => boolean = () => true): Promise<Read[]> {
    const listed = await listAll(this.store, kind);
    const chosen = bareNames(listed).filter((name) => wanted(uploadId(name)));
    return mapBounded(chosen, FETCHES, (name) => this.read(kind, name));
  }

  private async read(kind: SmallKind, name: string): Promise<Read> {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const id = uploadId(name);
    let read: Read;
    try {
      read = this.open(kind, name, await getChecked(this.store, objectPath(kind, name)));
    } catch (error) {
      const { code, message } = ofObject(error);
      // Removed since it was listed: as if the listing had begun later.
      const gone: readonly FailureCode[] = ["object_missing"];
      read = {
        name,
        id,
        record: null,
        reason: gone.includes(code) ? "" : message,
        authorised: null,
      };
      if (gone.includes(code)) return read;
    }
    this.known.set(name, read);
    return read;
  }

  private open(kind: SmallKind, name: string, bytes: Buffer): Read {
    const type = typeOf(kind, bytes);
    const content = this.keyring.open(type, name, bytes);
    const id = uploadId(name);
    const record = this.decode(type, name, content);
    if ("claim" in record && record.claim !== id) {
      throw new Failure("damaged", `${type} ${name} speaks of another claim than its name`);
    }
    const has = type === "fence" || type === "condemned" || type === "tombstone";
    const authorised = has
      ? (this.keyring.authorised(type, name, tagged(content), tagOf(content)) ?? null)
      : null;
    return { name, id, record, reason: "", authorised };
  }

  private decode(type: Small["type"], name: string, content: Buffer): Small {
    switch (type) {
      case "claim": {
        const { id, host, time } = claims.decodeClaim(content);
        this.facts.set(hex(id), { host, time });
        return { type, claim: hex(id) };
      }
      case "end":
        return { type, claim: hex(claims.decodeEnd(content)) };
      case "intent":
      case "withdrawn": {
        const { claim, sweep } = claims.decodeIntent(content);
        return { type, claim: hex(claim), sweep: hex(sweep) };
      }
      case "fence":
        return { type, claim: hex(claims.decodeFence(content)) };
      case "condemned": {
        const { packs, marked, honoured } = lists.decodeCondemned(content);
        return { type, name, packs, marked, tombstones: honoured };
      }
      case "tombstone":
        return { type, snapshot: lists.decodeTombstone(content) };
    }
  }

  /** Host and time of a claim that was read. */
  factsOf(claim: string): ClaimFacts | undefined {
    return this.facts.get(claim);
  }

  async putClaim(claim: Buffer, writer: Buffer, host: string, time: number): Promise<DurableToken> {
    return this.putSealed("claim", claims.encodeClaim(claim, writer, host, time), claim, claim);
  }

  /** An end needs no signal: it is put also when the run was interrupted. */
  async putEnd(claim: Buffer): Promise<void> {
    const sealed = this.keyring.seal("end", claims.encodeEnd(claim), claim);
    await this.store.put(objectPath("claim", sealed.name), sealed.bytes, undefined, hex(claim));
  }

  async putIntent(type: "intent" | "withdrawn", claim: string, sweep: string): Promise<void> {
    await this.putSealed(type, claims.encodeIntent(unhex(claim), unhex(sweep)), unhex(claim));
  }

  async putFence(claim: string): Promise<void> {
    await this.putSealed("fence", claims.encodeFence(unhex(claim)), unhex(claim));
  }

  /** The list's bare name. */
  async putCondemned(list: Omit<Condemned, "type" | "name">): Promise<string> {
    const { packs, marked, tombstones: honoured } = list;
    const own = this.runtime.random(16);
    const { durable } = await this.putSealed(
      "condemned",
      lists.encodeCondemned({ packs, marked, honoured }),
      own,
    );
    return bareName(durable) ?? "";
  }

  async putTombstone(snapshot: string, id: Buffer): Promise<void> {
    await this.putSealed("tombstone", lists.encodeTombstone(snapshot), id);
  }

  private async putSealed(
    type: Small["type"],
    content: Buffer,
    own: Buffer,
    claim?: Buffer,
  ): Promise<DurableToken> {
    const full = ["fence", "condemned", "tombstone"].includes(type)
      ? withTag(content, this.keyring.authorise(type, own, tagged(content)))
      : content;
    const { name, bytes }: Sealed = this.keyring.seal(type, full, own);
    const path = objectPath(KIND[type], name);
    return this.store.put(path, bytes, this.runtime.signal, claim && hex(claim));
  }
}

/** Which record of its folder an object says it is. */
function typeOf(kind: SmallKind, bytes: Buffer): Small["type"] {
  const said = bytes[TYPE_OFFSET];
  if (kind === "claim") return said === TYPES.end ? "end" : "claim";
  if (kind !== "fence") return kind;
  if (said === TYPES.intent) return "intent";
  return said === TYPES.withdrawn ? "withdrawn" : "fence";
}

const present = (reads: readonly Read[]) =>
  reads.filter((r) => r.record !== null || r.reason !== "");

/** Claims and ends; of what cannot be read, the claim it names is taken for open. */
export function claimsOf(reads: readonly Read[]): Small[] {
  return present(reads).map(({ record, id }) => record ?? { type: "claim", claim: id });
}

/** For who wants to be acknowledged: whatever speaks of a claim and cannot be read is a fence. */
export function fencesHeeded(reads: readonly Read[]): Small[] {
  return present(reads).map(({ record, id }) => record ?? { type: "fence", claim: id });
}

/** For who leaves out, counts or settles: only what can be read, and was put by who may. */
export function believed(reads: readonly Read[]): Small[] {
  return reads.flatMap(({ record, authorised }) =>
    record === null || authorised === false ? [] : [record],
  );
}

/** What the protocol sees of a snapshot that nobody can read. */
export const blank = (name: string): Kept => ({ type: "snapshot", name, claim: "", heads: [] });

/** Claims with a final fence that was put by who may. */
export function fencedFinally(reads: readonly Read[]): Set<string> {
  return new Set(ofType(believed(reads), "fence").map((f) => f.claim));
}

/** Reads of records that cannot be read or that nobody who may has put. */
export function doubtful(reads: readonly Read[]): Read[] {
  return present(reads).filter((r) => r.record === null || r.authorised === false);
}

/** Whether a list cannot be read: it then names every pack. */
export function namesEvery(reads: readonly Read[]): boolean {
  return present(reads).some((r) => r.record === null);
}

/** Condemned lists as a writer heeds them, whoever put them. */
export function heeded(reads: readonly Read[]): Small[] {
  return reads.flatMap(({ record }) => (record === null ? [] : [record]));
}

export type { Kind };
