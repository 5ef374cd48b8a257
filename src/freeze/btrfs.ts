/**
 * btrfs: a read-only snapshot of every subvolume that a source is of.
 *
 * A subvolume below a source would be an empty folder in the snapshot: it is refused unless it is a
 * source itself. Who may not delete a snapshot must not make one: that is tried first.
 */
import { existsSync, statSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { Failure } from "../base/failure.ts";
import { native } from "../seam/native.ts";
import type { Freezer, Prepared, Source, View } from "./freezer.ts";
import { inStage, makeStage, type Stage } from "./stage.ts";

const bytes = (path: string) => Buffer.from(path);
const placeOf = (path: string) => native.placeOf(bytes(path));
const isFolder = (path: string) =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
const ROOT_INODE = 256;

interface Subvolume {
  /** Where its root is seen. */
  readonly root: string;
  readonly name: string;
}

/** The root of the subvolume that a path is of. */
function rootOf(path: string): string {
  let at = path;
  for (;;) {
    const { device, inode } = placeOf(at);
    if (inode === ROOT_INODE) return at;
    const above = dirname(at);
    if (at === "/" || placeOf(above).device !== device) {
      throw new Failure("not_still", `${path} is mounted from within a subvolume`);
    }
    at = above;
  }
}

function refuseNested(sources: readonly Source[]): void {
  for (const source of sources) {
    if (!isFolder(source)) continue;
    const nested = native.subvolumesBelow(bytes(source)).map((p) => join(source, p.toString()));
    const unsaid = nested.find((path) => !sources.includes(path));
    if (unsaid !== undefined) {
      const why = `has a nested subvolume, ${relative(source, unsaid)}, which no snapshot of it holds`;
      throw new Failure("not_still", `${source} ${why}`);
    }
  }
}

/** Makes an empty subvolume and deletes it. */
async function probe(stage: Stage): Promise<void> {
  native.createSubvolume(bytes(stage.path), "probe");
  try {
    native.deleteSubvolume(bytes(stage.path), "probe");
  } catch (error) {
    await rmdir(join(stage.path, "probe"));
    const why =
      "snapshots could be made there but not deleted (mount option user_subvol_rm_allowed)";
    throw new Failure("no_freezer", `${dirname(stage.path)}: ${why}`, error);
  }
}

function viewOf(stage: Stage, sources: readonly Source[], roots: Map<Source, Subvolume>): View {
  const at = (source: Source) => {
    const subvolume = roots.get(source);
    if (subvolume === undefined) throw new Failure("internal", `${source} was not cut`);
    return join(stage.path, subvolume.name, relative(subvolume.root, source));
  };
  const folder = (source: Source) => (isFolder(source) ? source : dirname(source));
  const folders = sources.map((source) => {
    const subvolume = roots.get(source);
    const path = folder(source);
    return {
      path,
      view: join(stage.path, subvolume?.name ?? "", relative(subvolume?.root ?? "/", path)),
    };
  });
  return {
    kindOf: () => "btrfs",
    still: true,
    at,
    folders,
    async prove() {
      for (const source of sources) {
        // A file that need not be there, such as a log that was closed.
        if (!existsSync(source) && !existsSync(at(source))) continue;
        const [live, view] = [placeOf(source), placeOf(at(source))];
        if (live.inode !== view.inode || view.subvolume === live.subvolume) {
          throw new Failure("not_still", `${source} in the snapshot is not what it is outside`);
        }
      }
    },
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

export const btrfs: Freezer = {
  kind: "btrfs",
  async prepare(runtime, sources): Promise<Prepared> {
    refuseNested(sources);
    const stage = await makeStage(runtime, sources);
    try {
      await probe(stage);
      const byRoot = new Map<string, Subvolume>();
      const roots = new Map<Source, Subvolume>();
      for (const source of sources) {
        const root = rootOf(isFolder(source) ? source : dirname(source));
        const subvolume = byRoot.get(root) ?? { root, name: `s${byRoot.size}` };
        byRoot.set(root, subvolume);
        roots.set(source, subvolume);
      }
      // What is dirty now need not be written while everybody stands.
      await native.syncFileSystem(bytes(stage.path));
      return inStage(stage, async () => {
        for (const { root, name } of byRoot.values()) {
          native.snapshotSubvolume(bytes(root), bytes(stage.path), name);
        }
        return viewOf(stage, sources, roots);
      });
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  },
};
