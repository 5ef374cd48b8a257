/** Joins the command's many small modules, so that a start reads a handful of files. */
import { readFileSync } from "node:fs";

const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));

export default {
  input: { holdall: "./.build/src/cli/main.js" },
  platform: "node",
  external: [/^@holdall\//, ...Object.keys(dependencies)],
  // The library is one door with many rooms: a verb loads those that it enters.
  treeshake: { moduleSideEffects: false },
  output: {
    dir: ".build/bin",
    cleanDir: true,
    chunkFileNames: "[name].js",
    // What many verbs need lies in one file: finding and linking a small one takes longer than
    // reading it.
    codeSplitting: { groups: [{ name: "common", minShareCount: 6 }] },
  },
};
