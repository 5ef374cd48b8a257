/** What `npm start` shows: a real source tree saved twice, restored, and compared by another program. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";

const main = resolve(import.meta.dirname, "../src/cli/main.js");
const place = mkdtempSync(join(tmpdir(), "holdall-tour-"));
writeFileSync(join(place, "key"), randomBytes(32).toString("hex"));
const env = {
  ...process.env,
  HOLDALL_REPOSITORY: join(place, "repo"),
  HOLDALL_KEYFILE: join(place, "key"),
};

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function step(title: string, command: string, args: string[]): void {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: "utf8" });
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  const text = stdout.trim().replace(/^Recovery key.*$/ms, "(a recovery key, shown once)");
  say(`\n${title} (${seconds} s)\n  ${text.replaceAll("\n", "\n  ")}`);
  if (status !== 0) {
    say(`failed with status ${status}\n${stderr}`);
    rmSync(place, { recursive: true, force: true });
    process.exit(1);
  }
}

const holdall = (title: string, ...args: string[]) =>
  step(title, process.execPath, [main, ...args]);

/** Sources that this machine has in any case: Rust's registry, this project's packages, Node's headers. */
const sources = [
  join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry", "src"),
  resolve("node_modules"),
  "/usr/include",
].filter(existsSync);
say(`Holdall's tour: ${sources.join(" ")}`);
holdall("A new repository", "init");
holdall("The first backup", "backup", ...sources);
holdall("The second backup, nothing changed", "backup", ...sources);
holdall("Everything restored elsewhere", "restore", "latest", "--to", join(place, "back"));
for (const source of sources) {
  step(`diff -r --no-dereference ${source}`, "diff", [
    "-r",
    "--no-dereference",
    source,
    join(place, "back", source),
  ]);
}
holdall("Every stored byte checked", "check", "--read");
holdall("What it takes", "stats");
say(
  `\n${readdirSync(join(place, "repo")).length} folders in the repository; all of it is removed again.`,
);
say("The command is now: npx holdall --help");
rmSync(place, { recursive: true, force: true });
