/**
 * Copies of units that their engines make themselves while they run, in a stage of their own.
 *
 * Promises: a copy that is given was made by programs that all ended well, and is whole as far as
 * its engine's format tells; whatever fails is `not_captured` and names the unit. Programs run as
 * who owns the state, with nothing of this process's environment but its PATH, and are ended with
 * all that they started when they take too long or the run is stopped. What a killed run left, its
 * programs too, is found by the next.
 */
import { constants, existsSync, lstatSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Failure, toFailure } from "../base/failure.ts";
import { fill } from "../base/fill.ts";
import type { Runtime } from "../base/runtime.ts";
import { isBesideDatabase, unitId } from "../base/state.ts";
import type { Member } from "../freeze/instance.ts";
import { makeStageIn, type Stage } from "../freeze/stage.ts";
import { native } from "../seam/native.ts";
import { refuseTorn } from "./check.ts";
import { type Owner, program } from "./program.ts";
import { point, type Space, spacesOf } from "./tablespaces.ts";

/** What one unit holds for one context, as its engine copied it. */
export interface Captured {
  readonly paths: readonly string[];
  /** Folders, and the ones that are to be read in their place. */
  readonly folders: readonly { readonly path: string; readonly view: string }[];
  /** Milliseconds since 1970: what was acknowledged before the one, and sent after the other. */
  readonly began: number;
  readonly ended: number;
}

export interface Captures extends AsyncDisposable {
  /** One for each member, in their order. */
  readonly units: readonly Captured[];
}

/** What is copied of a member, one by one; the copy of a database has in it what lies beside. */
const copied = ({ unit, paths }: Member): string[] =>
  unit.engine === "sqlite" ? paths.filter((path) => !isBesideDatabase(path)) : [...paths];

function ownerOf(path: string): Owner | null {
  const { uid, gid } = lstatSync(path);
  return process.getuid?.() === 0 ? { uid, gid } : null;
}

const filled = (word: string, by: Readonly<Record<string, string>>): string =>
  fill(word, (name) => by[name] ?? null);

/** One stage, and where in it everything lies. */
class Copies {
  private readonly runtime: Runtime;
  private readonly root: string;
  private readonly stage: Stage;
  /** Where the copy of a folder is, by the folder; of the files of a folder, by that folder. */
  private readonly views = new Map<string, string>();
  private count = 0;

  constructor(runtime: Runtime, root: string, stage: Stage) {
    this.runtime = runtime;
    this.root = root;
    this.stage = stage;
  }

  /** A new folder, which belongs to the owner of what is copied into it. */
  private async folder(owner: Owner | null): Promise<string> {
    const path = join(this.stage.path, `c${this.count++}`);
    await mkdir(path, { mode: 0o700 });
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      if (owner !== null) await handle.chown(owner.uid, owner.gid);
    } finally {
      await handle.close();
    }
    return path;
  }

  /** Runs the commands for one file or folder. */
  async copy(member: Member, path: string, spaces: readonly Space[], deadline: number) {
    const owner = ownerOf(path);
    const own = await this.folder(owner);
    const to = join(own, "copy");
    const places: (Space & { to: string })[] = [];
    for (const space of spaces) {
      places.push({ ...space, to: join(await this.folder(ownerOf(space.path)), "copy") });
    }
    for (const words of member.unit.capture?.commands ?? []) {
      const told = words.flatMap((word) => {
        if (!word.includes("{space")) return [filled(word, { path, to })];
        return places.map((s) => filled(word, { path, to, space: s.at, "space-to": s.to }));
      });
      const left = deadline - this.runtime.clock.now();
      await program(this.root, told, owner, own, left, this.runtime.signal);
    }
    refuseTorn(member.unit.engine, path, to);
    point(to, places);
    await this.place(path, to);
    for (const space of places) await this.place(space.path, space.to);
  }

  /** Gives a copy the place that it is read at, and the mode of what it is a copy of. */
  private async place(path: string, to: string): Promise<void> {
    const { mode } = lstatSync(path);
    const handle = await open(to, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await handle.stat();
      await handle.chmod(mode & 0o7777);
      if (found.isDirectory()) return void this.views.set(path, to);
    } finally {
      await handle.close();
    }
    const from = dirname(path);
    const into = this.views.get(from) ?? join(this.stage.path, `f${this.count++}`);
    if (!this.views.has(from)) await mkdir(into, { mode: 0o700 });
    this.views.set(from, into);
    await rename(to, join(into, basename(path)));
  }

  /** What is to be read of one member; fails when a part of it was not copied. */
  read(member: Member): Captured["folders"] {
    const folders = copied(member).map((path) => {
      const above = this.views.get(dirname(path));
      const inside = above !== undefined && existsSync(join(above, basename(path)));
      const found = inside ? dirname(path) : path;
      const view = this.views.get(found);
      if (view === undefined) {
        throw new Failure("not_captured", `${path} is no tablespace of a cluster that was copied`);
      }
      return { path: found, view };
    });
    return folders.filter(({ path }, at) => folders.findIndex((f) => f.path === path) === at);
  }

  /** Folders of single files look as the ones that the files are of. */
  describe(): void {
    for (const [path, view] of this.views) {
      if (dirname(view) !== this.stage.path) continue;
      native.Mirror.describe(Buffer.from(path), Buffer.from(view));
    }
  }
}

async function inName<T>(member: Member, act: () => Promise<T> | T): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code === "interrupted") throw failure;
    throw new Failure("not_captured", `${unitId(member.unit)}: ${failure.message}`, error);
  }
}

/**
 * Has engines copy units, one after the other; the copies are there until it is disposed of.
 * `members` are all that are to be copied, tablespaces with their clusters.
 */
export async function capture(
  runtime: Runtime,
  root: string,
  members: readonly Member[],
): Promise<Captures> {
  const stage = await makeStageIn(runtime, root, 0o711);
  try {
    const copies = new Copies(runtime, root, stage);
    const times = new Map<Member, readonly [began: number, ended: number]>();
    const others = members.filter(({ unit }) => unit.capture === null);
    for (const member of members) {
      const { unit } = member;
      if (unit.capture === null) continue;
      const began = runtime.clock.now();
      await inName(member, async () => {
        for (const path of copied(member)) {
          const known = others.filter((o) => o.unit.service === unit.service);
          const places = known.flatMap(({ paths }) => paths);
          const spaces = unit.engine === "postgres" ? spacesOf(path, places) : [];
          await copies.copy(member, path, spaces, began + (unit.capture?.timeout ?? 0));
        }
      });
      times.set(member, [began, runtime.clock.now()]);
    }
    copies.describe();
    const all = [...times.values()];
    const [first, last] = [
      Math.min(...all.map(([began]) => began)),
      Math.max(...all.map(([, ended]) => ended)),
    ];
    const units: Captured[] = [];
    for (const member of members) {
      const [began, ended] = times.get(member) ?? [first, last];
      const folders = await inName(member, () => copies.read(member));
      units.push({ paths: copied(member), folders, began, ended });
    }
    return { units, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() };
  } catch (error) {
    await stage[Symbol.asyncDispose]();
    throw error;
  }
}
