/**
 * What `npm start` shows: real source trees saved twice, restored, and compared by another program.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, opendirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";

const main = resolve(import.meta.dirname, "../bin/holdall.js");
const place = mkdtempSync(join(tmpdir(), "holdall-tour-"));
const env = {
  ...process.env,
  HOLDALL_REPOSITORY: join(place, "repository"),
  HOLDALL_KEYFILE: join(place, "key"),
};

/** Files that make a tour: tens of thousands, of which two cores handle everything in a minute. */
const ENOUGH = 20_000;
/** A tree above this is too much for a tour, and the next one is looked at. */
const MOST = 60_000;

const stop = new AbortController();

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function leave(status: number): never {
  rmSync(place, { recursive: true, force: true });
  process.exit(status);
}

/** Real trees that a machine which builds Holdall has, the dearest to a programmer first. */
function candidates(): string[] {
  const home = homedir();
  const cargo = process.env.CARGO_HOME ?? join(home, ".cargo");
  const rustup = process.env.RUSTUP_HOME ?? join(home, ".rustup");
  return [
    join(cargo, "registry/src"),
    resolve("node_modules"),
    "/usr/include",
    "/usr/local/go/src",
    "/usr/lib/go",
    "/usr/lib/python3",
    "/usr/lib/node_modules",
    "/usr/share/doc",
    "/usr/share/man",
    "/usr/share",
    join(rustup, "toolchains"),
    "/usr/lib",
  ].filter((path) => existsSync(path));
}

/** Regular files below a folder; stops counting where there are too many. */
function count(folder: string, most: number): number {
  let files = 0;
  const waiting = [folder];
  for (let at = waiting.pop(); at !== undefined && files <= most; at = waiting.pop()) {
    const open = opendirSync(at);
    for (let entry = open.readSync(); entry !== null; entry = open.readSync()) {
      if (entry.isDirectory()) waiting.push(join(at, entry.name));
      else if (entry.isFile()) files += 1;
    }
    open.closeSync();
  }
  return files;
}

/** Files of a tree that can be read; none, where it is closed to this user. */
function countable(path: string): number {
  try {
    return count(path, MOST);
  } catch {
    return 0;
  }
}

/** Takes tree after tree until there are enough files; none lies in another. */
function choose(): { path: string; files: number }[] {
  const taken: { path: string; files: number }[] = [];
  let files = 0;
  for (const path of candidates()) {
    if (files >= ENOUGH) break;
    if (taken.some((t) => t.path.startsWith(`${path}/`) || path.startsWith(`${t.path}/`))) continue;
    const here = countable(path);
    if (here === 0 || files + here > MOST) continue;
    taken.push({ path, files: here });
    files += here;
  }
  return taken;
}

interface Ran {
  readonly seconds: number;
  /** The most memory that the process held, in MiB. */
  readonly memory: number;
  readonly lines: string[];
}

/** The most that a process held so far, while it is there to be asked. */
function peak(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function run(command: string, args: string[]): Promise<Ran> {
  const started = performance.now();
  const child = spawn(command, args, {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    signal: stop.signal,
  });
  let memory = 0;
  const watch = setInterval(() => {
    memory = Math.max(memory, peak(child.pid));
  }, 20);
  let [out, error] = ["", ""];
  child.stdout.on("data", (bytes: Buffer) => {
    out += bytes.toString();
  });
  child.stderr.on("data", (bytes: Buffer) => {
    error += bytes.toString();
  });
  return new Promise((done, fail) => {
    // An aborted child is waited for: it may still be writing what is removed next.
    child.on("error", (e) => stop.signal.aborted || fail(e));
    child.on("close", (status) => {
      clearInterval(watch);
      const seconds = (performance.now() - started) / 1000;
      if (status === 0) done({ seconds, memory, lines: out.trim().split("\n") });
      else fail(new Error(`${command} ${args[0]} ended with ${status}: ${(error || out).trim()}`));
    });
  });
}

const holdall = (...args: string[]) => run(process.execPath, [main, ...args]);

interface Saved {
  readonly files: number;
  readonly bytes: number;
  readonly storedBytes: number;
}

/** The last line of `--json`, which is the snapshot. */
const saved = ({ lines }: Ran) => JSON.parse(lines.at(-1) ?? "") as Saved;

const whole = (n: number) => Math.round(n).toLocaleString("en");
const mega = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
const speed = ({ files, bytes }: Saved, { seconds }: Ran) =>
  `${whole(files / seconds)} files/s, ${whole(bytes / 1e6 / seconds)} MB/s`;

function told(title: string, ran: Ran, text: string): void {
  const memory = ran.memory > 0 ? `, at most ${whole(ran.memory)} MiB of memory` : "";
  say(`\n${title}: ${ran.seconds.toFixed(2)} s${memory}\n  ${text}`);
}

async function tour(): Promise<void> {
  const sources = choose();
  const total = sources.reduce((sum, { files }) => sum + files, 0);
  say(`Holdall saves ${whole(total)} real files of this machine:`);
  for (const { path, files } of sources) say(`  ${path}  (${whole(files)})`);
  if (total < ENOUGH) say(`  (fewer than ${whole(ENOUGH)}: this machine has no more to show)`);
  const paths = sources.map(({ path }) => path);

  writeFileSync(join(place, "key"), randomBytes(32).toString("hex"), { mode: 0o600 });
  told("An encrypted repository is made", await holdall("init"), "its recovery key is shown once");

  const one = await holdall("backup", "--json", ...paths);
  const first = saved(one);
  const share = ((100 * first.storedBytes) / first.bytes).toFixed(0);
  told(
    "The first backup",
    one,
    `${whole(first.files)} files, ${mega(first.bytes)}; ${speed(first, one)}\n` +
      `  ${mega(first.storedBytes)} are stored: ${share} % of what was read`,
  );

  const two = await holdall("backup", "--json", ...paths);
  const second = saved(two);
  told(
    "The second backup, nothing changed",
    two,
    `${speed(second, two)}; ${mega(second.storedBytes)} more are stored\n` +
      `  ${(one.seconds / two.seconds).toFixed(1)} times as fast as the first`,
  );

  const back = join(place, "back");
  const three = await holdall("restore", "latest", "--to", back);
  told("Everything restored elsewhere", three, speed(first, three));

  for (const path of paths) {
    const same = await run("diff", ["-r", "--no-dereference", path, join(back, path)]);
    told(`diff -r finds no difference in ${path}`, { ...same, memory: 0 }, "byte by byte");
  }
  const checked = await holdall("check", "--read");
  told("Every stored byte is opened and proved", checked, checked.lines.join("\n  "));
  say(`\nAll of it in ${whole(performance.now() / 1000)} s. It is removed again.`);
  say("The command is now: npx holdall --help");
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stop.abort());
}
try {
  await tour();
} catch (error) {
  const { aborted } = stop.signal;
  say(
    aborted ? "\nInterrupted; what was made is removed." : `\nFailed: ${(error as Error).message}`,
  );
  leave(aborted ? 130 : 1);
}
leave(0);
