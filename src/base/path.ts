/** Paths as text: what lies below what. */
import { isAbsolute, join } from "node:path";

/** Whether a path is this folder or lies below it; both are clean, and so may cgroups be. */
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);

/** A path that is relative to a root unless it is absolute. */
export const below = (root: string, path: string): string =>
  isAbsolute(path) ? path : join(root, path);
