/** The whole path through an installed holdall: init, backup, restore, check; sh is not needed. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Content and mode of every file below a folder. */
function facts(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const { mode } = statSync(join(folder, name));
      const isFile = statSync(join(folder, name)).isFile();
      const content = isFile ? readFileSync(join(folder, name)).toString("base64") : "";
      return `${name} ${mode.toString(8)} ${content}`;
    });
}

/** Runs the four commands in an empty folder; gives what was saved and what came back. */
export function smoke(command: string[], place: string, path: string) {
  const source = join(place, "source");
  mkdirSync(join(source, "folder"), { recursive: true });
  writeFileSync(join(source, "folder/text"), "text\n".repeat(1000), { mode: 0o600 });
  writeFileSync(join(source, "bytes"), Buffer.alloc(3_000_000, "never the same 7 bytes"));
  writeFileSync(join(place, "key"), "5c".repeat(32));
  const env = {
    PATH: path,
    HOME: place,
    HOLDALL_REPOSITORY: join(place, "repository"),
    HOLDALL_KEYFILE: join(place, "key"),
  };
  const [program = "", ...before] = command;
  const run = (...args: string[]) =>
    execFileSync(program, [...before, ...args], { env, cwd: place, encoding: "utf8" });
  run("init");
  run("backup", source);
  run("restore", "latest", "--to", join(place, "back"));
  run("check", "--read");
  return { saved: facts(source), back: facts(join(place, "back", source)) };
}
