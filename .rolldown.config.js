/** Joins the command's many small modules, so that a start reads a handful of files. */
export default {
  input: { holdall: "./.build/src/cli/main.js" },
  platform: "node",
  external: [/^@holdall\//, "commander", "msgpackr"],
  output: { dir: ".build/bin", cleanDir: true, chunkFileNames: "[name].js" },
};
