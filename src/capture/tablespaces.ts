/** Tablespaces of a PostgreSQL cluster: links in it to folders elsewhere, copied beside it. */
import {
  existsSync,
  lchownSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { Failure } from "../base/failure.ts";

export interface Space {
  /** Where it is, as the cluster calls it. */
  readonly at: string;
  /** The same, as the unit calls it. */
  readonly path: string;
}

const linksOf = (cluster: string): string[] => {
  const folder = join(cluster, "pg_tblspc");
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path).isSymbolicLink());
};

/** Those of a cluster; each must be the path of a unit, or it would be in no snapshot. */
export function spacesOf(cluster: string, places: readonly string[]): Space[] {
  if (!existsSync(join(cluster, "PG_VERSION"))) {
    throw new Failure("not_captured", `${cluster} is not the folder of a cluster`);
  }
  return linksOf(cluster).map((link) => {
    const at = readlinkSync(link);
    const path = places.find((place) => realpathSync(place) === realpathSync(link));
    if (path !== undefined) return { at, path };
    throw new Failure("not_captured", `tablespace ${at} is the path of no unit that is saved`);
  });
}

/** Points the links of a copy to where its tablespaces are in the instance. */
export function point(copy: string, spaces: readonly (Space & { to: string })[]): void {
  if (spaces.length === 0) return;
  const links = linksOf(copy);
  for (const { at, to } of spaces) {
    const link = links.find((path) => readlinkSync(path) === to);
    if (link === undefined) {
      throw new Failure("not_captured", `tablespace ${at} was not copied`);
    }
    const { uid, gid } = lstatSync(link);
    rmSync(link);
    symlinkSync(at, link);
    lchownSync(link, uid, gid);
  }
}
