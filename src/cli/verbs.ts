/** The verbs as data: parsing, help, man page and completion all come from this table. */

import { PACK_SIZE } from "./pack_size.ts";
import { FROM, SYNC } from "./sync_row.ts";
import { BACKUP } from "./verb_backup.ts";

export interface OptionRow {
  /** `-l, --long` or `--to <folder>`: as people type it. */
  readonly flags: string;
  readonly about: string;
  /** May be given several times. */
  readonly many?: boolean;
  /** What the value is, for completion. */
  readonly completes?: "file" | "folder";
  readonly fallback?: string;
}

export interface Verb {
  /** Operands, after the verb's name. */
  readonly operands: string;
  readonly about: string;
  /** More paragraphs for help and man page. */
  readonly notes?: readonly string[];
  /** Words that the first operand can be. */
  readonly actions?: Readonly<Record<string, string>>;
  readonly examples: readonly string[];
  readonly options?: readonly OptionRow[];
  readonly completes?: "file" | "folder";
}

const SELECTION: readonly OptionRow[] = [
  { flags: "--host <name>", about: "latest and times look at this machine's snapshots only" },
  {
    flags: "--path <path>",
    about: "... at snapshots that saved this path only",
    completes: "file",
  },
  { flags: "--tag <tag>", about: "... at snapshots with this tag only", many: true },
];

export const GLOBAL_OPTIONS: readonly OptionRow[] = [
  {
    flags: "-r, --repository <place>",
    about: "folder, s3://BUCKET/PREFIX, or a name from the config file",
    completes: "folder",
  },
  { flags: "--passphrase-file <file>", about: "file with the passphrase", completes: "file" },
  { flags: "--passphrase-command <line>", about: "shell command that prints the passphrase" },
  { flags: "--keyfile <file>", about: "key file instead of a passphrase", completes: "file" },
  { flags: "--recovery-key-file <file>", about: "file with the recovery key", completes: "file" },
  { flags: "--json", about: "print JSON" },
  { flags: "-q, --quiet", about: "print results and errors only" },
  { flags: "--read-only", about: "refuse to write to the repository" },
  { flags: "--no-cache", about: "keep nothing between runs, and use nothing kept" },
  {
    flags: "--limit-upload <rate>",
    about: "most bytes a second to the store, such as 2M, or by the hour: '08-18 500k, 2M'",
  },
  { flags: "--limit-download <rate>", about: "most bytes a second from the store" },
];

const RESTORE: Verb = {
  operands: "<snapshot[:path]>",
  about: "bring a snapshot, or a path of it, back",
  notes: [
    "With --to, each saved path of a whole snapshot lies below the folder by its full path; the contents of snapshot:path lie directly in it. What already matches is not rewritten; a restore that was interrupted is finished by the next one.",
    "Paths that could not be restored as they were are listed, the rest is restored, and the exit status is 3.",
    "With --instance, the root holds its own configuration and descriptors, and no state yet. Absolute paths inside the state (tablespaces, borrowed git objects) are made to fit (a PostgreSQL that would make a tablespace again at the source's path is recovered first), then services start in the order of their dependencies and are asked for their health. What does not fit is said before anything is written; so is a port, a socket or a name that somebody who runs has, unless nothing is to start. What a backup with --verify counted is compared with what each service answers (status 24).",
    "--dry-run prints a line for each change: + would be made, C rewritten, M given other metadata, - removed. Entries are compared by kind, size, time, owner and mode.",
  ],
  examples: [
    "holdall restore latest --to /elsewhere",
    "holdall restore latest:/srv/www --to /place",
    "holdall restore 'yesterday' --in-place --dry-run",
    "holdall restore latest --instance /srv/new --owner hero=www-data",
  ],
  options: [
    { flags: "--to <folder>", about: "restore below this folder", completes: "folder" },
    { flags: "--in-place", about: "restore where it came from" },
    {
      flags: "--instance <root>",
      about: "restore an instance to where another root's configuration waits for it",
      completes: "folder",
    },
    {
      flags: "--owner <old=new>",
      about: "with --instance: give files of one user to another; repeatable",
      many: true,
    },
    { flags: "--no-start", about: "with --instance: start no service" },
    {
      flags: "--delete",
      about: "remove what the snapshot does not have; nothing beside what was left out",
    },
    { flags: "--dry-run", about: "print what would change, change nothing" },
    ...SELECTION,
  ],
};

const FORGET: Verb = {
  operands: "[snapshot...]",
  about: "forget snapshots: those named, or those a policy does not keep",
  notes: [
    "A policy looks at each group of snapshots by itself. It orders them as the log has them, whatever clocks said, and lets a group be whose dates disagree with the log (status 3). It never forgets all of a group without --empty.",
    "Forgotten snapshots are not shown any more. The next prune takes what only they need; until then undelete brings them back.",
  ],
  examples: [
    "holdall forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run",
    "holdall forget --keep-within 30d --keep-tag release --host web",
    "holdall forget 3f2a91c0",
  ],
  options: [
    { flags: "--keep-last <n>", about: "keep the newest n of each group" },
    { flags: "--keep-hourly <n>", about: "... the newest of each of n hours that have any (UTC)" },
    { flags: "--keep-daily <n>", about: "... of n days" },
    { flags: "--keep-weekly <n>", about: "... of n weeks, which begin on Monday" },
    { flags: "--keep-monthly <n>", about: "... of n months" },
    { flags: "--keep-yearly <n>", about: "... of n years" },
    { flags: "--keep-within <span>", about: "keep what is younger than the newest by 30d, 4w, 1y" },
    { flags: "--keep-tag <tag>", about: "keep snapshots with this tag", many: true },
    {
      flags: "--group-by <what>",
      about: "what a group has in common: some of host,paths,tags, or none",
      fallback: "host,paths",
    },
    { flags: "--empty", about: "let a group lose all its snapshots" },
    { flags: "--dry-run", about: "say what is kept and why, and what not; forget nothing" },
    { flags: "--host <name>", about: "look at this machine's snapshots only" },
    { flags: "--path <path>", about: "... at snapshots that saved this path", completes: "file" },
    { flags: "--tag <tag>", about: "... at snapshots with this tag", many: true },
  ],
};

const PRUNE: Verb = {
  operands: "",
  about: "take away what no snapshot needs, beside running backups",
  notes: [
    "What lies in a pack beside what is unused is copied to a new pack before the old one goes. Killed at any moment, the next prune goes on.",
    "What a running backup has stored is let be. Packs go only when the backups that were running have ended: after --wait, what is left is left to the next prune (status 3). A backup that has not ended after --fence-after, by its own clock, is taken for dead; should it live, it says so and begins again by itself, and what it stored is used.",
  ],
  examples: ["holdall prune --dry-run", "holdall prune", "holdall prune --max-unused 0%"],
  options: [
    {
      flags: "--max-unused <share>",
      about: "how much of what is stored may stay unused beside what is needed",
      fallback: "10%",
    },
    { flags: "--max-repack <size>", about: "copy at most this much, such as 2G" },
    { flags: "--wait <span>", about: "wait so long for running backups", fallback: "1m" },
    { flags: "--fence-after <span>", about: "take older backups for dead", fallback: "1d" },
    PACK_SIZE,
    { flags: "--dry-run", about: "count bytes and requests; change nothing" },
  ],
};

const KEY: Verb = {
  operands: "<action> [operand]",
  about: "what opens the repository: list, add, remove, change, prove",
  notes: [
    "A removed slot is refused from then on. That revokes nothing that somebody copied before: its stored bytes stay until a sweep, and whoever has the secret and a copy of the slot holds the repository's key. The slot in use is never removed, so that one secret known to work remains.",
  ],
  actions: {
    list: "list the key slots",
    add: "let another secret in: prompts, or takes a --new-... option",
    remove: "refuse the slot with this ID from now on",
    passphrase: "change the secret in use: adds the new slot, then removes the old",
    keyfile: "make a new key FILE (64 hexadecimal digits, mode 0600)",
    drill: "prove that the secret opens the repository and reads its snapshots",
  },
  examples: [
    "holdall key add --new-recovery",
    "holdall key keyfile /etc/holdall.key && holdall key add --new-keyfile /etc/holdall.key",
    "holdall key remove 3f2a91c0",
    "holdall --recovery-key-file paper.txt key drill",
  ],
  options: [
    { flags: "--new-passphrase-file <file>", about: "the new passphrase", completes: "file" },
    { flags: "--new-passphrase-command <line>", about: "shell command that prints it" },
    { flags: "--new-keyfile <file>", about: "the new key file", completes: "file" },
    { flags: "--new-recovery", about: "make a new recovery key and show it once" },
    { flags: "--force", about: "remove even the last recovery key" },
  ],
};

export const VERBS: Readonly<Record<string, Verb>> = {
  init: {
    operands: "",
    about: "make a repository and show its recovery key once",
    notes: [
      "A replica has the keys of another repository, so that sync copies packs between them as they are; whatever opens the one opens the other.",
    ],
    examples: [
      "holdall -r /backup/repo init",
      "holdall -r /mnt/usb/repo init --replica-of /backup/repo",
    ],
    options: [
      {
        flags: "--replica-of <place>",
        about: "take keys and secrets from this repository",
        completes: "folder",
      },
      ...FROM,
    ],
  },
  backup: BACKUP,
  inventory: {
    operands: "<instance>",
    about: "show what is where in an instance, whose it is, what it is worth",
    notes: [
      "Units are declared by [[state]] in holdall.toml or in a service's cfg/NAME/service.toml, or built in. Levels are those that can be reached now; the pause is an estimate: 5 ms for each stop, what a flush waits, 5 ms for a snapshot or reflinks, and what a copy reads again.",
      "A unit that matches nothing ends with status 20; with --strict bytes that nobody claims, or two, end with 21.",
    ],
    examples: ["holdall inventory ~/hero", "holdall inventory --strict --json ~/hero"],
    options: [
      { flags: "--markdown", about: "print Markdown" },
      { flags: "--strict", about: "fail when bytes are claimed by nobody, or twice" },
    ],
    completes: "folder",
  },
  snapshots: {
    operands: "",
    about: "list snapshots",
    examples: ["holdall snapshots --host web --latest 5", "holdall snapshots --json"],
    options: [
      { flags: "--host <name>", about: "of this machine only" },
      { flags: "--path <path>", about: "that saved this path only", completes: "file" },
      { flags: "--tag <tag>", about: "with this tag only", many: true },
      { flags: "--latest <n>", about: "the newest n only" },
    ],
  },
  ls: {
    operands: "[snapshot[:path]]",
    about: "list a folder of a snapshot",
    examples: ["holdall ls latest:/srv", "holdall ls -R '3d ago'"],
    options: [
      { flags: "-R, --recursive", about: "with everything below" },
      { flags: "-l, --long", about: "with mode, owner, size, time" },
      ...SELECTION,
    ],
  },
  find: {
    operands: "<pattern...>",
    about: "find entries in snapshots by name",
    notes: [
      "* and ? stand for anything. A pattern with a slash is compared with the whole path, any other with the last name. The exit status is 1 when nothing was found.",
    ],
    examples: ["holdall find '*.sql'", "holdall find -i readme --larger 1M --snapshot latest"],
    options: [
      { flags: "-i, --ignore-case", about: "take capital and small letters for the same" },
      { flags: "--snapshot <snapshot>", about: "look in this one only" },
      { flags: "--larger <size>", about: "at least this many bytes, such as 10M" },
      { flags: "--newer <time>", about: "changed since, such as '2d ago'" },
      ...SELECTION,
    ],
  },
  diff: {
    operands: "<snapshot> <snapshot-or-folder>",
    about: "show what differs: + added, - removed, C content, M metadata",
    notes: [
      "What has a slash is a folder. The exit status does not tell whether anything differs.",
    ],
    examples: ["holdall diff 3f2a latest", "holdall diff latest /srv"],
    options: SELECTION,
    completes: "folder",
  },
  cat: {
    operands: "<snapshot:path>",
    about: "write a file to standard output",
    examples: ["holdall cat latest:/etc/fstab"],
    options: SELECTION,
  },
  dump: {
    operands: "<snapshot[:path]>",
    about: "write a folder as tar to standard output",
    examples: ["holdall dump latest:/srv | tar t"],
    options: [{ flags: "--force", about: "write to a terminal, too" }, ...SELECTION],
  },
  restore: RESTORE,
  forget: FORGET,
  undelete: {
    operands: "[snapshot...]",
    about: "bring forgotten snapshots back, as long as no prune took them",
    notes: ["Without an id, it lists what could be brought back."],
    examples: ["holdall undelete", "holdall undelete 3f2a91c0"],
    options: [{ flags: "--host <name>", about: "name of this machine in the repository" }],
  },
  prune: PRUNE,
  sync: SYNC,
  check: {
    operands: "",
    about: "prove that the snapshots can be restored",
    examples: ["holdall check", "holdall check --read", "holdall check --read 10%"],
    options: [
      {
        flags: "--read [share]",
        about: "read stored bytes too: all, or a random share such as 10%",
      },
    ],
  },
  stats: { operands: "", about: "how much is stored", examples: ["holdall stats"] },
  doctor: {
    operands: "[place]",
    about: "try a store before trusting it, and say what was found",
    notes: [
      "Puts some objects of its own (17 MiB) beside whatever is there, reads, lists and replaces them, and takes them away again where the store lets it. It needs no secret. The exit status is 1 when a repository would not be safe there.",
    ],
    examples: ["holdall doctor s3://bucket/prefix", "holdall doctor /mnt/nas/repo"],
    completes: "folder",
  },
  key: KEY,
  cache: {
    operands: "[action]",
    about: "show or clear what is kept between runs",
    actions: { list: "caches and their sizes (default)", clear: "remove them all" },
    examples: ["holdall cache", "holdall cache clear"],
  },
  thaw: {
    operands: "",
    about: "continue and put back what a killed backup of an instance left",
    notes: ["Every other command does it, too, when it starts."],
    examples: ["holdall thaw"],
    options: [{ flags: "--forget", about: "drop what cannot be put back any more" }],
  },
  completion: {
    operands: "<shell>",
    about: "print a completion script",
    actions: { bash: "for bash", zsh: "for zsh", fish: "for fish" },
    examples: [
      "source <(holdall completion bash)",
      "holdall completion zsh > ~/.zfunc/_holdall",
      "holdall completion fish > ~/.config/fish/completions/holdall.fish",
    ],
  },
  man: {
    operands: "",
    about: "print the manual page",
    examples: ["holdall man | man -l -"],
  },
};

export const ABOUT = "Backups of a running instance: chunked, deduplicated, encrypted.";

/** Ways to name a snapshot. */
export const NAMES: readonly (readonly [string, string])[] = [
  ["latest", "the newest"],
  ["3f2a91", "an id, or at least 4 digits of its beginning"],
  ["2026-11-20", "the newest at the end of that day, local time"],
  ["'2026-11-20 14:03'", "the newest at that time; with T14:03Z or T14:03+01:00 in that zone"],
  ["'3d ago', yesterday", "also s, m, h, w, y, and whole words: '2 weeks ago'"],
  ["SNAPSHOT:/path", "one path of it"],
];

export const ENVIRONMENT: readonly (readonly [string, string])[] = [
  [
    "HOLDALL_REPOSITORY",
    "the repository: a folder, s3://BUCKET/PREFIX, or a name from the config file",
  ],
  ["HOLDALL_KEYFILE", "path of a key file; of this and the next three the first set one counts"],
  ["HOLDALL_PASSPHRASE_FILE", "path of a file with the passphrase; a line end is no part of it"],
  ["HOLDALL_PASSPHRASE_COMMAND", "run by /bin/sh; what it prints is the passphrase"],
  ["HOLDALL_PASSPHRASE", "the passphrase"],
  ["HOLDALL_CONFIG", "the config file"],
  ["HOLDALL_CACHE", "folder for caches; $XDG_CACHE_HOME/holdall or ~/.cache/holdall if unset"],
  ["HOLDALL_STATE", "folder for what a backup of an instance has stopped, while it has"],
  ["HOLDALL_WORKERS", "threads that read, cut, compress and seal; all processors if unset"],
  [
    "AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE",
    "of s3: repositories, and the shared files below ~/.aws",
  ],
  ["HOLDALL_DEBUG", "if set, errors show where they come from"],
  ["NO_COLOR, FORCE_COLOR", "never, or always, colour messages"],
];
