/**
 * Processes of the command in loops beside one another, some of them killed; and what they said.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chance } from "../support/chance.ts";
import { compile, MAIN } from "../support/shim.ts";

export const KEY = "23".repeat(32);

const WRITERS = ["a", "b", "c", "d"];
/** Files that there are, files of one backup, and their size. */
const [POOL, SAVED, SIZE] = [24, 6, 60_000];
const PAUSE = 1000;
const SLOWEST = 180_000;
/** Everything unused goes, and nobody is waited for. */
export const PRUNE = ["prune", ..."--max-unused 0% --wait 0s --fence-after 0s".split(" ")];

/** What the command is run by in some place, and what its environment has there. */
export interface Way {
  readonly by: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Who meets where; in a folder, with clocks that are right, if nothing is said. */
export interface Meeting {
  /** Seconds by which a clock is wrong; each process has one of these. */
  readonly shifts?: readonly number[];
  readonly repository?: string;
  readonly writers?: readonly string[];
  /** Names of those whose processes are killed; everybody's if not given. */
  readonly mortals?: readonly string[];
  /** How somebody comes to the repository; null asks for who is disturbed by nobody. */
  way?(who: string | null): Way;
}

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Saved {
  readonly files: readonly number[];
  /** Somebody was asked to forget it, and may have done so. */
  mayGo: boolean;
}

export class Crowd {
  readonly repository: string;
  readonly counts = {
    backups: 0,
    prunes: 0,
    forgotten: 0,
    kills: 0,
    /** Everything that ended with an error nobody may have here. */
    refused: [] as string[],
  };
  private readonly path: string;
  private readonly chance: ReturnType<typeof chance>;
  private readonly meeting: Meeting;
  private readonly shim: string;
  private readonly pool: Buffer[];
  private readonly saved = new Map<string, Saved>();
  private readonly running = new Map<ChildProcess, string>();
  private over = false;

  constructor(path: string, seed: number, meeting: Meeting) {
    this.path = path;
    this.chance = chance(seed);
    this.meeting = meeting;
    this.repository = meeting.repository ?? join(path, "repo");
    this.shim = compile(path, "clock");
    this.pool = Array.from({ length: POOL }, (_, i) =>
      createHash("shake256", { outputLength: SIZE }).update(`${seed} ${i}`).digest(),
    );
    writeFileSync(join(path, "key"), KEY);
    this.alone(["init"]);
  }

  /**
   * For so many milliseconds, and until everybody has come to an end some times however slow the
   * machine is. Kills come at any time up to two seconds after one another, or up to four times
   * what a command takes here alone.
   */
  async work(milliseconds: number): Promise<void> {
    const started = performance.now();
    this.alone(["snapshots"]);
    const pause = Math.max(PAUSE, 2 * (performance.now() - started));
    const { writers = WRITERS, mortals } = this.meeting;
    const loops = [
      ...writers.map((w) => this.loop(() => this.save(w))),
      ...["p", "q"].map((p) => this.loop(() => this.prune(p))),
      this.loop(() => this.forget()),
    ];
    const { counts } = this;
    const enough = () => counts.backups >= 8 && counts.prunes >= 3 && counts.forgotten >= 2;
    for (let now = 0; now < milliseconds || (now < SLOWEST && !enough()); ) {
      await sleep(this.chance.below(2 * pause));
      const some = [...this.running].filter(([, who]) => mortals?.includes(who) ?? true);
      const [one] = some[this.chance.below(some.length)] ?? [];
      if (one?.kill("SIGKILL")) counts.kills++;
      now = performance.now() - started;
    }
    this.over = true;
    await Promise.all(loops);
  }

  /** Runs a command that nobody disturbs; its output. */
  alone(args: string[]): string {
    const [command, all, env] = this.command(null, args);
    const ended = spawnSync(command, all, { env, encoding: "utf8" });
    if (ended.status === 0) return ended.stdout;
    throw new Error(`holdall ${args.join(" ")}: status ${ended.status}: ${ended.stderr}`);
  }

  /** Promised snapshots that do not come back as they were. */
  broken(): string[] {
    return [...this.saved].flatMap(([id, { files, mayGo }]) => {
      if (mayGo) return [];
      const out = join(this.path, "out");
      try {
        this.alone(["restore", id, "--to", out]);
        const found = readdirSync(out, { recursive: true, encoding: "utf8" })
          .filter((name) => statSync(join(out, name)).isFile())
          .map((name) => ({
            at: Number(/\d+$/.exec(name)?.[0]),
            bytes: readFileSync(join(out, name)),
          }))
          .filter(({ at, bytes }) => this.pool[at]?.equals(bytes));
        const whole = found.map(({ at }) => at).sort((a, b) => a - b);
        return whole.join() === files.join() ? [] : [`${id}: ${whole.join()} of ${files.join()}`];
      } catch (error) {
        return [(error as Error).message];
      } finally {
        rmSync(out, { recursive: true, force: true });
      }
    });
  }

  /** Bytes of packs there are, and the bytes of files that what is left needs. */
  space(): { stored: number; needed: number } {
    const packs = join(this.repository, "packs");
    const stored = readdirSync(packs, { recursive: true, encoding: "utf8" })
      .map((name) => statSync(join(packs, name)))
      .reduce((n, s) => n + (s.isFile() ? s.size : 0), 0);
    const rows = JSON.parse(this.alone(["snapshots", "--json"])) as { id: string }[];
    const files = rows.flatMap(({ id }) => this.saved.get(id)?.files ?? []);
    return { stored, needed: new Set(files).size * SIZE + rows.length * 16_384 };
  }

  /** A command as somebody runs it; clocks of who is alone are right. */
  private command(who: string | null, args: string[]): [string, string[], NodeJS.ProcessEnv] {
    const { shifts = [0], way } = this.meeting;
    const shift = who === null ? 0 : (shifts[this.chance.below(shifts.length)] ?? 0);
    const clock = { LD_PRELOAD: this.shim, HOLDALL_CLOCK_SHIFT: String(shift) };
    const { by, env } = way?.(who) ?? { by: [], env: {} };
    const own = {
      ...process.env,
      HOLDALL_REPOSITORY: this.repository,
      HOLDALL_KEYFILE: join(this.path, "key"),
      HOLDALL_CACHE: join(this.path, "cache"),
      HOLDALL_WORKERS: "1",
      ...(shift === 0 ? {} : clock),
      ...env,
    };
    const [command = "", ...rest] = [...by, process.execPath, MAIN, ...args];
    return [command, rest, own];
  }

  private async loop(act: () => Promise<void>): Promise<void> {
    while (!this.over) await act();
  }

  private run(who: string, args: string[]): Promise<Said> {
    const [command, all, env] = this.command(who, args);
    return new Promise((resolve) => {
      const child = spawn(command, all, { env });
      this.running.set(child, who);
      let [out, err] = ["", ""];
      child.stdout.on("data", (bytes: Buffer) => {
        out += bytes.toString("utf8");
      });
      child.stderr.on("data", (bytes: Buffer) => {
        err += bytes.toString("utf8");
      });
      child.on("close", (code, signal) => {
        this.running.delete(child);
        const bad = signal === null && code !== 0;
        if (bad) this.counts.refused.push(`${args[0]}: status ${code}: ${err.trim()}`);
        resolve({ code, out, err });
      });
    });
  }

  private async save(writer: string): Promise<void> {
    const source = join(this.path, "source", writer);
    rmSync(source, { recursive: true, force: true });
    mkdirSync(source, { recursive: true });
    const all = Array.from({ length: SAVED }, () => this.chance.below(POOL));
    const files = [...new Set(all)].sort((a, b) => a - b);
    for (const i of files) writeFileSync(join(source, `f${i}`), this.pool[i] ?? "");
    const { code, out } = await this.run(writer, ["backup", source, "--host", writer, "--json"]);
    const id = /"event":"snapshot".*"id":"([0-9a-f]+)"/.exec(out)?.[1];
    // Who was killed after it had said so has promised it, too.
    if (id === undefined) return;
    if (code === 0) this.counts.backups++;
    this.saved.set(id, { files, mayGo: false });
  }

  private async prune(who: string): Promise<void> {
    const { code } = await this.run(who, PRUNE);
    if (code === 0) this.counts.prunes++;
  }

  /** Of three snapshots that are promised, one may go. */
  private async forget(): Promise<void> {
    const kept = [...this.saved].filter(([, { mayGo }]) => !mayGo);
    const [id, saved] = kept[this.chance.below(kept.length)] ?? [];
    if (id === undefined || saved === undefined || kept.length < 3) return sleep(100);
    saved.mayGo = true;
    const { code } = await this.run("forgetter", ["forget", id]);
    if (code === 0) this.counts.forgotten++;
  }
}
