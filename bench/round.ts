/**
 * One tool through one data set, once: first backup, unchanged backup, the later days, everything
 * back onto a fresh file system, one file back, and a list of what is there.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DataSet } from "./data/state.ts";
import type { Row } from "./data.ts";
import { type Figure, type Measured, meanOf, measure, printed } from "./measure.ts";
import { type Peer, repositoryOf, type Saved } from "./peers/peer.ts";
import { freshFileSystem, temporaryFolder } from "./place.ts";

export interface Round {
  readonly figures: Partial<Record<Row, Figure>>;
  /** Bytes of the repository after the first backup: the sum of its files' sizes. */
  readonly repository: number;
  /** Bytes the later days added. */
  readonly added: number | undefined;
}

export interface Terms {
  readonly work: string;
  readonly rows: readonly Row[];
  readonly cold: boolean;
  /** Compare all that was restored with the source. */
  readonly compare: boolean;
}

export type Run = (command: readonly string[], cwd?: string) => Promise<Measured>;

export async function round(peer: Peer, set: DataSet, terms: Terms): Promise<Round> {
  using folder = temporaryFolder(terms.work);
  const home = folder.path;
  const env = { ...peer.env(home), HOME: home, XDG_CACHE_HOME: `${home}/cache` };
  const scratch = join(home, "scratch");
  mkdirSync(scratch);
  const run: Run = (command, cwd = home) =>
    measure(command, { env, cwd, scratch, cold: terms.cold });
  const wants = (row: Row) => terms.rows.includes(row);
  const figures: Partial<Record<Row, Figure>> = {};

  set.go(1);
  for (const command of peer.init(home)) await run(command);
  let count = 0;
  let saved: Saved | undefined;
  const save = async (): Promise<Figure> => {
    const figure = await run(peer.save(home, set.live, ++count));
    saved = { source: set.live, count, printed: printed(figure) };
    return figure;
  };
  figures.backup = await save();
  const repository = sizeOf(repositoryOf(home));
  if (wants("unchanged")) figures.unchanged = await save();
  let added: number | undefined;
  if (wants("later")) {
    const before = sizeOf(repositoryOf(home));
    figures.later = await laterDays(set, save);
    added = sizeOf(repositoryOf(home)) - before;
  }
  if (saved && wants("restore")) {
    figures.restore = await restore(peer, set, saved, run, home, terms.compare);
  }
  if (saved && wants("one")) figures.one = await showOne(peer, set, saved, run);
  if (wants("list")) figures.list = await run(peer.list);
  return { figures, repository, added };
}

export async function laterDays(set: DataSet, save: () => Promise<Figure>): Promise<Figure> {
  const days: Figure[] = [];
  for (let day = 2; day <= set.days; day++) {
    set.go(day);
    days.push(await save());
  }
  return meanOf(days);
}

export async function restore(
  peer: Peer,
  set: DataSet,
  saved: Saved,
  run: Run,
  home: string,
  compare: boolean,
): Promise<Figure> {
  using out = freshFileSystem(home, set.bytes, set.files);
  // What mkfs made is not part of what comes back, and no tool is asked to keep it.
  rmSync(join(out.path, "lost+found"), { recursive: true, force: true });
  const figure = await run(peer.restore(saved, out.path), out.path);
  if (compare) {
    const below = join(out.path, set.live);
    const back = existsSync(below) ? below : out.path;
    const diff = spawnSync("diff", ["-r", "--no-dereference", set.live, back], {
      encoding: "utf8",
      maxBuffer: 1 << 30,
    });
    if (diff.status !== 0) {
      const first = `${diff.stdout}${diff.stderr}`.split("\n")[0];
      throw new Error(`what it restored differs from the source: ${first}`);
    }
  }
  return figure;
}

export async function showOne(peer: Peer, set: DataSet, saved: Saved, run: Run): Promise<Figure> {
  const figure = await run(peer.show(saved, set.one));
  if (!readFileSync(figure.stdout).equals(readFileSync(join(set.live, set.one)))) {
    throw new Error(`the one file it gave back differs: ${set.one}`);
  }
  return figure;
}

/** The sum of the sizes of all files below a folder: what a remote store would keep. */
export function sizeOf(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += sizeOf(path);
    else if (entry.isFile()) bytes += statSync(path).size;
  }
  return bytes;
}
