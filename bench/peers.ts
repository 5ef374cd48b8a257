/**
 * Backup, unchanged backup and restore against the peers on PATH: the same data in one run, rounds
 * interleaved, medians, CPU seconds and peak memory beside wall seconds. `npm run bench [folder]`.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROUNDS = 3;
const main = resolve(import.meta.dirname, "../src/cli/main.js");

type Command = string[];

interface Peer {
  readonly name: string;
  readonly probe: Command;
  readonly env: (place: string) => NodeJS.ProcessEnv;
  readonly init: (place: string) => Command;
  readonly save: (place: string, source: string) => Command;
  readonly restore: (place: string, out: string) => Command;
}

const PEERS: Peer[] = [
  {
    name: "holdall",
    probe: [process.execPath, main, "--version"],
    env: (p) => ({ HOLDALL_REPOSITORY: join(p, "repo"), HOLDALL_KEYFILE: join(p, "key") }),
    init: () => [process.execPath, main, "init"],
    save: (_p, s) => [process.execPath, main, "backup", "-q", s],
    restore: (_p, out) => [process.execPath, main, "restore", "latest", "--to", out],
  },
  {
    name: "restic",
    probe: ["restic", "version"],
    env: (p) => ({
      RESTIC_REPOSITORY: join(p, "repo"),
      RESTIC_PASSWORD: "x",
      RESTIC_CACHE_DIR: join(p, "cache"),
    }),
    init: () => ["restic", "init", "-q"],
    save: (_p, s) => ["restic", "backup", "-q", s],
    restore: (_p, out) => ["restic", "restore", "-q", "latest", "--target", out],
  },
  {
    name: "borg zstd,1",
    probe: ["borg", "--version"],
    env: (p) => ({ BORG_REPO: join(p, "repo"), BORG_PASSPHRASE: "x", BORG_BASE_DIR: p }),
    init: () => ["borg", "init", "-e", "repokey-blake2"],
    save: (_p, s) => ["borg", "create", "-C", "zstd,1", "::{now:%s-%f}", s],
    restore: (p, out) => [
      "sh",
      "-c",
      `cd '${out}' && borg extract "::$(borg list --last 1 --short '${join(p, "repo")}')"`,
    ],
  },
  {
    name: "rustic",
    probe: ["rustic", "--version"],
    env: (p) => ({
      RUSTIC_REPOSITORY: join(p, "repo"),
      RUSTIC_PASSWORD: "x",
      RUSTIC_CACHE_DIR: join(p, "cache"),
    }),
    init: () => ["rustic", "init"],
    save: (_p, s) => ["rustic", "backup", s],
    restore: (_p, out) => ["rustic", "restore", "latest", out],
  },
];

/** Wall and CPU seconds and peak MiB of one command, by /usr/bin/env's own child usage. */
function timed(command: Command, env: NodeJS.ProcessEnv): [number, number, number] {
  const script =
    "import resource,subprocess,sys,time\nt=time.time()\nr=subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,stderr=subprocess.PIPE)\nu=resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(time.time()-t,u.ru_utime+u.ru_stime,u.ru_maxrss/1024)\nsys.stderr.buffer.write(r.stderr[-500:])\nsys.exit(r.returncode)";
  const r = spawnSync("python3", ["-c", script, ...command], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  if (r.status !== 0) throw new Error(`${command.join(" ")}: ${r.stderr}`);
  const [wall = 0, cpu = 0, memory = 0] = r.stdout.trim().split(" ").map(Number);
  return [wall, cpu, memory];
}

const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

function round(
  peer: Peer,
  source: string,
): Record<string, [number, number, number]> & { size?: never } {
  const place = mkdtempSync(join(tmpdir(), "holdall-bench-"));
  writeFileSync(join(place, "key"), randomBytes(32).toString("hex"));
  const out = join(place, "out");
  mkdirSync(out);
  const env = peer.env(place);
  timed(peer.init(place), env);
  const figures = {
    backup: timed(peer.save(place, source), env),
    unchanged: timed(peer.save(place, source), env),
    restore: timed(peer.restore(place, out), env),
    MiB: [
      Number(
        spawnSync("du", ["-sk", join(place, "repo")], { encoding: "utf8" }).stdout.split("\t")[0],
      ) / 1024,
      0,
      0,
    ] as [number, number, number],
  };
  rmSync(place, { recursive: true, force: true });
  return figures;
}

const source = resolve(
  process.argv[2] ?? join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry", "src"),
);
const present = PEERS.filter((p) => spawnSync(p.probe[0] ?? "", p.probe.slice(1)).status === 0);
const results = new Map<string, ReturnType<typeof round>[]>(present.map((p) => [p.name, []]));
for (let i = 0; i < ROUNDS; i++) {
  // The order rotates: whoever comes after a large removal pays for it.
  for (const peer of [
    ...present.slice(i % present.length),
    ...present.slice(0, i % present.length),
  ]) {
    results.get(peer.name)?.push(round(peer, source));
  }
}
process.stdout.write(
  `${source}: medians of ${ROUNDS}; wall s (CPU s, peak MiB)\n\n| | backup | unchanged | restore | MiB |\n|---|---|---|---|---|\n`,
);
for (const [name, rounds] of results) {
  const cell = (row: string) => {
    const [wall, cpu, memory] = [0, 1, 2].map((i) =>
      median(rounds.map((r) => r[row]?.[i] ?? Number.NaN)),
    ) as [number, number, number];
    return row === "MiB"
      ? wall.toFixed(1)
      : `${wall.toFixed(2)} (${cpu.toFixed(2)}, ${memory.toFixed(0)})`;
  };
  process.stdout.write(
    `| ${name} | ${["backup", "unchanged", "restore", "MiB"].map(cell).join(" | ")} |\n`,
  );
}
