/** Whose files become whose, when an instance comes back for other users. */
import { execFile } from "node:child_process";
import { chmodSync, lchownSync, lstatSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import { toBytes } from "../base/bytes.ts";
import { Failure } from "../base/failure.ts";

/** Files of `from` become those of `uid` and its group. */
export interface Owner {
  readonly from: number;
  readonly uid: number;
  readonly gid: number;
}

/** Names and numbers as a snapshot has them. */
export interface Named {
  readonly users: readonly [number, string][];
}

const run = promisify(execFile);

/** Asks whatever this machine has its users in. */
async function userHere(name: string): Promise<{ uid: number; gid: number }> {
  try {
    const { stdout } = await run("getent", ["passwd", name]);
    const [, , uid, gid] = stdout.split(":");
    return { uid: Number(uid), gid: Number(gid) };
  } catch {
    throw new Failure("usage", `--owner: there is no user ${name} on this machine`);
  }
}

/** Reads `old=new` pairs; old ones by name or number in the snapshot, new ones on this machine. */
export async function parseOwners(
  texts: readonly string[],
  sections: readonly Named[],
): Promise<Owner[]> {
  const known = new Map(sections.flatMap(({ users }) => users).map(([uid, name]) => [name, uid]));
  const owners: Owner[] = [];
  for (const text of texts) {
    const [old = "", name = "", more] = text.split("=");
    if (old === "" || name === "" || more !== undefined) {
      throw new Failure("usage", `--owner ${text}: say OLD=NEW, such as postgres=www-data`);
    }
    const from = /^\d+$/.test(old) ? Number(old) : known.get(old);
    if (from === undefined) {
      const names = [...known.keys()].join(" ") || "none";
      throw new Failure(
        "usage",
        `--owner ${text}: the snapshot has no user ${old}; it has: ${names}`,
      );
    }
    owners.push({ from, ...(await userHere(name)) });
  }
  return owners;
}

export function ownerOf(path: string): { uid: number; gid: number } {
  const { uid, gid } = lstatSync(toBytes(path));
  return { uid, gid };
}

/** Gives everything at and below a path to its new owner. */
export function give(path: string | Buffer, owners: readonly Owner[]): void {
  if (owners.length === 0) return;
  const at = typeof path === "string" ? toBytes(path) : path;
  const stat = lstatSync(at);
  const owner = owners.find(({ from }) => from === stat.uid);
  if (owner !== undefined) {
    lchownSync(at, owner.uid, owner.gid);
    // A change of owner takes these bits from a file.
    if (stat.isFile() && (stat.mode & 0o6000) !== 0) chmodSync(at, stat.mode & 0o7777);
  }
  if (!stat.isDirectory()) return;
  for (const name of readdirSync(at, { encoding: "buffer" })) {
    give(Buffer.concat([at, Buffer.from("/"), name]), owners);
  }
}
