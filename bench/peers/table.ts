/** The peers: each as its users would set it, encryption on, fsync as it does by itself. */
import { resolve } from "node:path";
import { type Peer, repositoryOf } from "./peer.ts";

export const SECRET = "correct horse battery staple";

const main = resolve(import.meta.dirname, "../../bin/holdall.js");
export const holdall = (...words: string[]): string[] => [process.execPath, main, ...words];

export const HOLDALL: Peer = {
  name: "holdall",
  version: holdall("--version"),
  install: "npm run build",
  env: (home) => ({
    HOLDALL_REPOSITORY: repositoryOf(home),
    HOLDALL_KEYFILE: `${home}/key`,
  }),
  init: (home) => [
    ["sh", "-c", `umask 077; od -An -tx1 -N32 -v /dev/urandom | tr -d ' \\n' >'${home}/key'`],
    holdall("init"),
  ],
  save: (_home, source) => holdall("backup", "-q", source),
  restore: (_saved, out) => holdall("restore", "-q", "latest", "--to", out),
  show: ({ source }, file) => holdall("cat", `latest:${source}/${file}`),
  list: holdall("snapshots"),
};

/** What a passphrase costs every start: the one difference to the column before. */
const HOLDALL_PASSPHRASE: Peer = {
  ...HOLDALL,
  name: "holdall, passphrase",
  variant: true,
  only: ["tiny"],
  env: (home) => ({ HOLDALL_REPOSITORY: repositoryOf(home), HOLDALL_PASSPHRASE: SECRET }),
  init: () => [holdall("init")],
};

export const restic = (
  name: string,
  compression: string,
  more: Pick<Peer, "variant"> = {},
): Peer => ({
  name,
  ...more,
  version: ["restic", "version"],
  install: "go build ./cmd/restic in a clone of github.com/restic/restic",
  env: (home) => ({
    RESTIC_REPOSITORY: repositoryOf(home),
    RESTIC_PASSWORD: SECRET,
    RESTIC_CACHE_DIR: `${home}/cache`,
    RESTIC_COMPRESSION: compression,
  }),
  init: () => [["restic", "init", "-q"]],
  save: (_home, source) => ["restic", "backup", "-q", source],
  restore: (_saved, out) => ["restic", "restore", "-q", "latest", "--target", out],
  show: ({ source }, file) => ["restic", "dump", "-q", "latest", `${source}/${file}`],
  list: ["restic", "snapshots", "-q"],
});

const borg = (compression: string, more: Pick<Peer, "variant"> = {}): Peer => ({
  name: `borg ${compression}`,
  ...more,
  version: ["borg", "--version"],
  install:
    "pip install 'borgbackup==1.4.*' (needs python3-dev libssl-dev liblz4-dev libzstd-dev " +
    "libxxhash-dev libacl1-dev pkg-config)",
  env: (home) => ({
    BORG_REPO: repositoryOf(home),
    BORG_PASSPHRASE: SECRET,
    BORG_BASE_DIR: home,
  }),
  init: () => [["borg", "init", "-e", "repokey-blake2"]],
  save: (_home, source, count) => ["borg", "create", "-C", compression, `::save${count}`, source],
  restore: ({ count }) => ["borg", "extract", `::save${count}`],
  show: ({ source, count }, file) => [
    "borg",
    "extract",
    "--stdout",
    `::save${count}`,
    `${source}/${file}`.slice(1),
  ],
  list: ["borg", "list"],
});

export const RUSTIC: Peer = {
  name: "rustic",
  version: ["rustic", "--version"],
  install: "cargo install rustic-rs --locked --no-default-features",
  env: (home) => ({
    RUSTIC_REPOSITORY: repositoryOf(home),
    RUSTIC_PASSWORD: SECRET,
    RUSTIC_CACHE_DIR: `${home}/cache`,
    RUSTIC_NO_PROGRESS: "true",
    RUSTIC_LOG_LEVEL: "warn",
  }),
  init: () => [["rustic", "init"]],
  save: (_home, source) => ["rustic", "backup", source],
  restore: (_saved, out) => ["rustic", "restore", "latest", out],
  show: ({ source }, file) => [
    "rustic",
    "dump",
    "--archive",
    "content",
    `latest:${source}/${file}`,
  ],
  list: ["rustic", "snapshots"],
};

export const KOPIA: Peer = {
  name: "kopia zstd-fastest",
  version: ["kopia", "--version"],
  install: "go build . in a clone of github.com/kopia/kopia",
  env: (home) => ({
    KOPIA_PASSWORD: SECRET,
    KOPIA_CONFIG_PATH: `${home}/kopia.config`,
    KOPIA_CACHE_DIRECTORY: `${home}/cache`,
    KOPIA_LOG_DIR: `${home}/log`,
    KOPIA_CHECK_FOR_UPDATES: "false",
  }),
  init: (home) => [
    ["mkdir", repositoryOf(home)],
    ["kopia", "repository", "create", "filesystem", "--path", repositoryOf(home)],
    ["kopia", "policy", "set", "--global", "--compression", "zstd-fastest"],
  ],
  save: (_home, source) => ["kopia", "snapshot", "create", "--no-progress", "--json", source],
  restore: (saved, out) => ["kopia", "restore", "--no-progress", kopiaRoot(saved), out],
  show: (saved, file) => ["kopia", "show", `${kopiaRoot(saved)}/${file}`],
  list: ["kopia", "snapshot", "list"],
};

function kopiaRoot({ printed }: { readonly printed: string }): string {
  const snapshot = JSON.parse(printed) as { rootEntry: { obj: string } };
  return snapshot.rootEntry.obj;
}

const BUPSTASH: Peer = {
  name: "bupstash",
  version: ["bupstash", "--version"],
  install: "cargo install bupstash --locked (needs libsodium-dev)",
  env: (home) => ({
    BUPSTASH_REPOSITORY: repositoryOf(home),
    BUPSTASH_KEY: `${home}/key`,
  }),
  init: (home) => [
    ["bupstash", "new-key", "-o", `${home}/key`],
    ["bupstash", "init"],
  ],
  // The send log is what makes an unchanged backup fast; it prints the new item's id.
  save: (home, source) => ["bupstash", "put", "-q", "--send-log", `${home}/send-log`, source],
  restore: ({ printed }, out) => [
    "bupstash",
    "restore",
    "-q",
    // Owners come back as they do with the others, which decide by themselves.
    ...(process.getuid?.() === 0 ? ["--ownership"] : []),
    "--into",
    out,
    `id=${printed}`,
  ],
  show: ({ printed }, file) => ["bupstash", "get", "-q", "--pick", file, `id=${printed}`],
  list: ["bupstash", "list"],
};

export const PEERS: readonly Peer[] = [
  HOLDALL,
  HOLDALL_PASSPHRASE,
  restic("restic", "auto"),
  restic("restic uncompressed", "off", { variant: true }),
  borg("zstd,1"),
  borg("lz4", { variant: true }),
  RUSTIC,
  KOPIA,
  BUPSTASH,
];
