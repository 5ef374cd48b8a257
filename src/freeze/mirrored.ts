/**
 * A second tree beside the sources: by reflinks where the file system has them, else by copies. It
 * is made while they live; in the window only what changed since is taken again.
 */
import { statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Failure } from "../base/failure.ts";
import { native } from "../seam/native.ts";
import type { Freezer, FreezerKind, Prepared, Source, View } from "./freezer.ts";
import { inStage, makeStage, type Stage } from "./stage.ts";

type Mirror = InstanceType<typeof native.Mirror>;

const bytes = (path: string) => Buffer.from(path);

const look = (path: string) => statSync(path, { throwIfNoEntry: false });

/** A source, and the folder of the stage that it lies in: one for each folder it comes from. */
interface Part {
  readonly source: Source;
  readonly into: string;
  readonly mirror: Mirror;
  /** A folder, and not a file of the folder that it lies in. */
  readonly whole: boolean;
}

async function pass(parts: readonly Part[], mapped: readonly Buffer[]): Promise<void> {
  for (const { source, into, mirror } of parts) {
    const [from, name] = [bytes(dirname(source)), bytes(basename(source))];
    await mirror.pass(from, bytes(into), name, [...mapped]);
  }
  for (const { source, into } of parts) native.Mirror.describe(bytes(dirname(source)), bytes(into));
}

function viewOf(kind: FreezerKind, stage: Stage, parts: readonly Part[]): View {
  const at = (source: Source) => {
    const part = parts.find((p) => p.source === source);
    if (part === undefined) throw new Failure("internal", `${source} was not cut`);
    return join(part.into, basename(source));
  };
  const folders = parts.map(({ source, into, whole }) => {
    return whole ? { path: source, view: at(source) } : { path: dirname(source), view: into };
  });
  return {
    kindOf: () => kind,
    still: true,
    at,
    folders,
    async prove() {
      for (const source of parts.map((p) => p.source)) {
        const [live, view] = [look(source), look(at(source))];
        const same = live?.mode === view?.mode && live?.mtimeMs === view?.mtimeMs;
        if (!same || (live?.isFile() && live.size !== view?.size)) {
          throw new Failure("not_still", `${source} in the View is not what it is outside`);
        }
      }
    },
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

/** Tries one reflink in the stage. */
async function probe(stage: Stage): Promise<void> {
  const source = join(stage.path, "tried");
  const copy = join(stage.path, "reflink");
  for (const folder of [source, copy]) await mkdir(folder);
  await writeFile(join(source, "probe"), "probe");
  try {
    await new native.Mirror(true).pass(bytes(source), bytes(copy), bytes("probe"), []);
  } catch (error) {
    const why = "its file system makes no reflinks";
    throw new Failure("no_freezer", `${dirname(stage.path)}: ${why}`, error);
  }
  for (const folder of [source, copy]) {
    native.removeTree(bytes(stage.path), basename(folder));
  }
}

/** Whether files of a stage's file system can share their bytes. */
export const reflinks = (stage: Stage): Promise<boolean> =>
  probe(stage).then(
    () => true,
    () => false,
  );

export const mirrored = (kind: "reflink" | "copy"): Freezer => ({
  kind,
  async prepare(runtime, sources, before): Promise<Prepared> {
    const stage = await makeStage(runtime, sources);
    try {
      if (kind === "reflink") await probe(stage);
      const intos = [...new Set(sources.map(dirname))];
      const into = (source: Source) => join(stage.path, `f${intos.indexOf(dirname(source))}`);
      for (const source of sources) await mkdir(into(source), { recursive: true });
      const parts = sources.map((source) => {
        const mirror = new native.Mirror(kind === "reflink");
        const whole = look(source)?.isDirectory() ?? false;
        return { source, into: into(source), mirror, whole };
      });
      // A page that is dirty already takes further stores without moving a time.
      await native.syncFileSystem(bytes(stage.path));
      await pass(parts, before);
      return inStage(stage, async (mapped) => {
        await pass(parts, [...before, ...mapped]);
        return viewOf(kind, stage, parts);
      });
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  },
});
