/** From a name to a freezer: an explicit table; and which one serves each file system best. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { Failure } from "../base/failure.ts";
import type { Runtime } from "../base/runtime.ts";
import { native } from "../seam/native.ts";
import { btrfs } from "./btrfs.ts";
import type { Freezer, FreezerKind, Prepared, Source, View } from "./freezer.ts";
import { live } from "./live.ts";
import { mirrored } from "./mirrored.ts";

const TABLE: Readonly<Record<FreezerKind, Freezer>> = {
  btrfs,
  reflink: mirrored("reflink"),
  copy: mirrored("copy"),
  live,
};

const BTRFS = "9123683e";
const XFS = "58465342";

/** What to try on a file system, best first. */
const CHOICE: Readonly<Record<string, readonly FreezerKind[]>> = {
  [BTRFS]: ["btrfs", "reflink", "copy"],
  [XFS]: ["reflink", "copy"],
};

export function openFreezer(kind: string): Freezer {
  const found = Object.hasOwn(TABLE, kind) ? TABLE[kind as FreezerKind] : undefined;
  if (found === undefined) {
    throw new Failure("usage", `${kind}: no freezer; there are ${Object.keys(TABLE).join(", ")}`);
  }
  return found;
}

/** Prepares with the first that works there. What is wrong with the sources is refused by all. */
async function first(
  kinds: readonly FreezerKind[],
  runtime: Runtime,
  sources: readonly Source[],
  mapped: readonly Buffer[],
): Promise<Prepared> {
  const [kind, ...rest] = kinds;
  if (kind === undefined) throw new Failure("internal", "no freezer is left to try");
  try {
    return await TABLE[kind].prepare(runtime, sources, mapped);
  } catch (error) {
    const refused = error instanceof Failure && error.code === "no_freezer" && rest.length > 0;
    if (!refused) throw error;
    runtime.emit({ event: "warning", message: error.message });
    return first(rest, runtime, sources, mapped);
  }
}

function together(views: readonly (readonly [readonly Source[], View])[]): View {
  const of = (source: Source) => {
    const found = views.find(([sources]) => sources.includes(source))?.[1];
    if (found === undefined) throw new Failure("internal", `${source} was not cut`);
    return found;
  };
  return {
    kindOf: (source) => of(source).kindOf(source),
    still: views.every(([, view]) => view.still),
    at: (source) => of(source).at(source),
    folders: views.flatMap(([, view]) => view.folders),
    async prove() {
      for (const [, view] of views) await view.prove();
    },
    async [Symbol.asyncDispose]() {
      for (const [, view] of views) await view[Symbol.asyncDispose]();
    },
  };
}

/** Every file system by the best that it has; all are cut in one window. */
export const bestFreezer: Omit<Freezer, "kind"> = {
  async prepare(runtime, sources, mapped): Promise<Prepared> {
    const groups = new Map<string, Source[]>();
    for (const source of sources) {
      const { kind, fileSystem } = native.placeOf(
        Buffer.from(existsSync(source) ? source : dirname(source)),
      );
      const key = `${kind} ${fileSystem}`;
      groups.set(key, [...(groups.get(key) ?? []), source]);
    }
    const ready: [Source[], Prepared][] = [];
    const dispose = async () => {
      for (const [, prepared] of ready) await prepared[Symbol.asyncDispose]();
    };
    try {
      for (const [key, own] of groups) {
        const kinds = CHOICE[key.split(" ")[0] ?? ""] ?? ["copy"];
        ready.push([own, await first(kinds, runtime, own, mapped)]);
      }
    } catch (error) {
      await dispose();
      throw error;
    }
    return {
      async cut(now) {
        const views: [Source[], View][] = [];
        try {
          for (const [own, prepared] of ready) views.push([own, await prepared.cut(now)]);
        } catch (error) {
          await together(views)[Symbol.asyncDispose]();
          throw error;
        }
        return together(views);
      },
      [Symbol.asyncDispose]: dispose,
    };
  },
};
