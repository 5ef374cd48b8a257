/** Counts what a walk sees: for each unit and context, for nobody, and for too many. */
import { unitId } from "../base/state.ts";
import type { StateUnit } from "./descriptor.ts";
import { isGit, owned } from "./engines.ts";
import type { Doubled, Holding, LeftOut, Unclaimed } from "./facts.ts";
import { type Claim, Claims } from "./glob.ts";
import type { Seen } from "./walk.ts";

/** What a folder hands down to what lies in it. */
export interface Above {
  readonly claims: readonly Claim[];
  readonly git: boolean;
}

export const NOBODY: Above = { claims: [], git: false };

/** Doubly claimed files that are named; all are counted. */
const NAMED = 1000;

const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")));

export class Tally {
  readonly sockets: string[] = [];
  readonly leftOut: LeftOut[] = [];
  readonly doubled: Doubled[] = [];
  /** Links of units that lead to an absolute path. */
  readonly links: { path: string; target: string }[] = [];
  /** Config files of git directories. */
  readonly configs: string[] = [];
  readonly uids = new Set<number>();
  readonly gids = new Set<number>();
  private readonly claims: Claims;
  private readonly known: ReadonlySet<string>;
  private readonly held = new Map<string, Holding>();
  private readonly stray = new Map<string, { files: number; bytes: number }>();
  private readonly inodes = new Set<string>();

  /** `known` are paths that no unit need claim: the descriptors themselves. */
  constructor(units: readonly StateUnit[], known: readonly string[]) {
    this.claims = new Claims(units);
    this.known = new Set(known);
  }

  /** Claims on a path, from the root on. */
  claimsOn(path: string): readonly Claim[] {
    const names = path.split("/");
    let claims: readonly Claim[] = [];
    for (let n = 1; n <= names.length; n++) {
      const part = names.slice(0, n).join("/");
      if (part !== "") claims = this.claims.at(part, claims);
    }
    return claims;
  }

  /** Takes in one entry; `claimed` counts only what a unit claims. */
  take(seen: Seen, path: string, above: Above, onlyClaimed = false): Above {
    const { stats, name, beside } = seen;
    const git = above.git || isGit(beside);
    const claims = this.claims.at(path, above.claims);
    if (stats.isSocket()) {
      if (claims.length > 0 || !onlyClaimed) this.sockets.push(path);
      return above;
    }
    const owners = claims.filter((c) => owned(c.unit.engine, name, { names: beside, git }));
    const taken = claims.filter((claim) => !owners.includes(claim));
    this.border(path, above, claims, owners);
    if (taken.length === 0) {
      const [owner] = owners;
      if (owner !== undefined) {
        const why = `made anew by ${owner.unit.engine}`;
        this.leftOut.push({ path, unit: unitId(owner.unit), why });
      } else if (!stats.isDirectory() && !onlyClaimed) this.nobody(path, seen);
      return { claims, git };
    }
    this.uids.add(Number(stats.uid));
    this.gids.add(Number(stats.gid));
    if (name === "config" && isGit(beside)) this.configs.push(path);
    if (seen.target?.startsWith("/")) this.links.push({ path, target: seen.target });
    if (!stats.isDirectory()) this.count(path, seen, taken);
    return { claims, git };
  }

  /** Notes where units begin, and where they have a hole. */
  private border(
    path: string,
    above: Above,
    claims: readonly Claim[],
    owners: readonly Claim[],
  ): void {
    for (const claim of claims) {
      const before = above.claims.find(({ unit }) => unit === claim.unit);
      if (before?.context === claim.context) {
        if (owners.includes(claim)) this.holding(claim).holes.push(path);
      } else if (!owners.includes(claim)) {
        this.holding(claim).tops.push(path);
        if (before !== undefined) this.holding(before).holes.push(path);
      }
    }
    for (const before of above.claims) {
      if (!claims.some(({ unit }) => unit === before.unit)) this.holding(before).holes.push(path);
    }
  }

  private holding(claim: Claim): Holding {
    const key = `${unitId(claim.unit)}\0${claim.context}`;
    const found = this.held.get(key);
    if (found !== undefined) return found;
    const { unit, context } = claim;
    const counts = { files: 0, bytes: 0, newest: 0 };
    const made = { unit, context, tops: [], holes: [], ...counts, places: [], openBy: [] };
    this.held.set(key, made);
    return made;
  }

  private count(path: string, seen: Seen, claims: readonly Claim[]): void {
    const bytes = this.bytesOf(seen);
    for (const claim of claims) {
      const holding = this.holding(claim);
      holding.files++;
      holding.bytes += bytes;
      holding.newest = Math.max(holding.newest, Number(seen.stats.mtimeMs));
    }
    if (claims.length < 2 || this.doubled.length >= NAMED) return;
    this.doubled.push({ path, bytes, units: claims.map(({ unit }) => unitId(unit)).sort() });
  }

  /** Bytes of a file that was not seen under another name. */
  private bytesOf({ stats }: Seen): number {
    if (!stats.isFile()) return 0;
    if (stats.nlink > 1n) {
      const inode = `${stats.dev} ${stats.ino}`;
      if (this.inodes.has(inode)) return 0;
      this.inodes.add(inode);
    }
    return Number(stats.size);
  }

  private nobody(path: string, seen: Seen): void {
    if (this.known.has(path)) return;
    const folder = parentOf(path);
    const sum = this.stray.get(folder) ?? { files: 0, bytes: 0 };
    const bytes = this.bytesOf(seen);
    this.stray.set(folder, { files: sum.files + 1, bytes: sum.bytes + bytes });
  }

  holdings(): Holding[] {
    return [...this.held.values()].filter(({ tops }) => tops.length > 0);
  }

  /** What nobody claims, by the highest folders that hold nothing else; `.` is the root itself. */
  unclaimed(): Unclaimed[] {
    const busy = new Set<string>([""]);
    for (const path of this.holdings().flatMap(({ tops }) => tops)) {
      for (let at = parentOf(path); at !== ""; at = parentOf(at)) busy.add(at);
    }
    const sums = new Map<string, { files: number; bytes: number }>();
    for (const [folder, { files, bytes }] of this.stray) {
      let highest = folder;
      for (let at = folder; !busy.has(at); at = parentOf(at)) highest = at;
      const sum = sums.get(highest) ?? { files: 0, bytes: 0 };
      sums.set(highest, { files: sum.files + files, bytes: sum.bytes + bytes });
    }
    return [...sums]
      .map(([path, sum]) => ({ path: path === "" ? "." : path, ...sum }))
      .sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
  }
}
